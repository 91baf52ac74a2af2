"""The client's calls against addresses that are not the service, or where a proxy stands before it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import exits
from app.cli.client import Client
from app.cli.commands.start import start
from app.cli.commands.status import status
from app.cli.exceptions import ServiceError, Unreachable

TOKEN_ERROR = b'{"code": 401, "status": "Unauthorized", "message": "This service needs a token.", "errors": {}}'
ANSWERS = {
    "/other/training/status": (200, b"<html>"),
    "/none/training/status": (404, b"<html>"),
    "/away/training/status": (502, b"<html>"),
    "/train/training/runs/a%2Fb": (200, b'{"run_id": "a/b"}'),
    "/nested/training/runs/r": (200, b'{"preflight": {"warnings": [{"message": "classes are nested"}]}}'),
    "/away/training/runs/r": (502, b"<html>"),
    "/train/training/models/r/download": (200, b"short"),
}


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/closing"):
            return
        is_allowed = self.headers["Authorization"] == "Bearer secret" or not self.path.startswith("/train")
        code, body = ANSWERS[self.path] if is_allowed else (401, TOKEN_ERROR)
        self.send_response(code)
        self.send_header("Content-Length", "100" if body == b"short" else str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"run_id": "r", "status": "started"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("prefix", "words"),
    [("other", "is not the training"), ("none", "404"), ("away", "not available"), ("closing", "closed")],
)
def test_what_is_not_the_service_is_unreachable(url: str, prefix: str, words: str) -> None:
    with Client(f"{url}/{prefix}/") as client, pytest.raises(Unreachable, match=words):
        client.status()


def test_the_token_and_the_prefix_of_a_proxy_are_sent(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Client(f"http://{url}/train", "secret") as client:
        assert client.run("a/b") == {"run_id": "a/b"}
    with (
        Client(f"http://{url}/train", "wrong") as client,
        pytest.raises(ServiceError, match="needs a token") as refused,
    ):
        client.run("a/b")
    assert refused.value.code == 401


def test_a_command_without_the_token_names_its_options(url: str) -> None:
    refused = CliRunner().invoke(status, ["--url", f"http://{url}/train", "--token", "wrong"])
    assert (refused.exit_code, "--token-file" in refused.output) == (exits.REFUSED, True)


def test_a_broken_download_leaves_no_file(url: str, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"before")
    with Client(f"http://{url}/train", "secret") as client, pytest.raises(Unreachable, match="interrupted"):
        client.download("r", tmp_path / "model.onnx")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"model.onnx": b"before"}


@pytest.mark.parametrize("address", ["", "http://", "ftp://host", "http://host:port", "http://host?x=1"])
def test_a_bad_address_is_refused_before_any_call(address: str) -> None:
    with pytest.raises(ValueError, match="must be the address of a service"):
        Client(address)


def test_a_start_prints_the_warnings_about_the_images(url: str) -> None:
    started = CliRunner().invoke(start, ["a.yaml", "--url", f"{url}/nested"])
    assert (started.exit_code, started.stdout) == (0, "Run r has started.\n")
    assert "classes are nested" in started.stderr


def test_a_start_succeeds_even_if_the_service_is_gone_a_moment_later(url: str) -> None:
    started = CliRunner().invoke(start, ["a.yaml", "--url", f"{url}/away"])
    assert (started.exit_code, started.stdout, started.stderr) == (0, "Run r has started.\n", "")
