"""REST and sockets behind real TLS proxies that serve the service below a path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import requests
import socketio

from tests.conftest import end
from tests.proxy import PREFIX, proxied, proxied_by_caddy
from tests.servers import JOIN_TIMEOUT_S, KINDS, WITHOUT_UTF8_CHECK, LiveServer, disconnect

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


@pytest.fixture(params=["nginx strips the prefix", "nginx", "caddy"])
def behind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    proxy: str = request.param
    server = LiveServer(tmp_path, "gunicorn" if proxy == "nginx" else "eventlet")
    if "strips" not in proxy:
        server.settings["TRAINING_URL_PREFIX"] = PREFIX
    server.start()
    try:
        with proxied_as(proxy, tmp_path / "proxy", server.url) as address:
            yield address
    finally:
        end(server)


def proxied_as(proxy: str, home: Path, upstream: str) -> AbstractContextManager[str]:
    if proxy == "caddy":
        return proxied_by_caddy(home, upstream)
    return proxied(home, upstream, strips="strips" in proxy, tls=True)


def test_rest_and_sockets_work_below_a_path(behind: str) -> None:
    assert requests.get(f"{behind}/training/status", verify=False).json()["status"] == "not_running"
    assert requests.get(f"{behind}/openapi.json", verify=False).json()["servers"] == [{"url": "."}]
    page = requests.get(f"{behind}/runs", verify=False)
    assert page.ok
    assert '<base href="./">' in page.text
    assert requests.get(f"{behind}?runs=x", verify=False).url.startswith(f"{behind}/"), "with a slash"
    own = {"Origin": behind.removesuffix(PREFIX)}
    assert requests.post(f"{behind}/training/stop", headers=own, verify=False).json()["status"] == "not_running"
    client = socketio.Client(ssl_verify=False, websocket_extra_options=WITHOUT_UTF8_CHECK)
    client.connect(
        behind,
        namespaces=["/training"],
        transports=["websocket"],
        socketio_path=f"{PREFIX}/socket.io",
        wait_timeout=JOIN_TIMEOUT_S,
    )
    try:
        assert client.call("subscribe", {}, namespace="/training", timeout=10)["run"] is None
    finally:
        disconnect(client)


@pytest.mark.parametrize("kind", KINDS)
def test_the_service_itself_removes_the_prefix(kind: str, tmp_path: Path) -> None:
    server = LiveServer(tmp_path, kind, TRAINING_URL_PREFIX="/a/train/").start()
    try:
        for path in ("/a/train/training/status", "/training/status"):
            assert server.get(path).status_code == 200
        sent = server.get("/a/train?runs=x", allow_redirects=False)
        assert (sent.status_code, sent.headers["Location"]) == (308, "train/?runs=x")
        assert "<base" in server.get("/a/train?runs=x").text
        assert "/a/train/docs" in server.get("/a/train/nothing").json()["message"]
        assert server.get("/a/trainer/training/status").status_code == 404
    finally:
        server.stop()


def test_a_forwarded_prefix_changes_no_path(server: LiveServer) -> None:
    stripped = {"X-Forwarded-Prefix": "/train/"}
    assert "/train/docs" in server.get("/nothing", headers=stripped).json()["message"]
    assert server.get("/train/ping", headers=stripped).status_code == 404
    assert server.get("/training/status", headers={"X-Forwarded-Prefix": "/training"}).status_code == 200
    for odd in ("//evil.example", "https://evil.example", "/<b>", "/a/../b"):
        assert " /docs" in server.get("/nothing", headers={"X-Forwarded-Prefix": odd}).json()["message"]
