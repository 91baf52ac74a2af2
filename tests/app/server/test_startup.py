"""The start of both servers. An invalid setting stops it with one clear line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests

from tests.app.refusals import error_line, refusal
from tests.conftest import on_eventlet
from tests.servers import KINDS, ROOT, LiveServer, free_port
from tests.waiting import wait_until

STOPPED_BY = {
    "a bad value": ({"TRAINING_PORT": "eighty"}, "TRAINING_PORT='eighty'"),
    "an impossible folder": ({"TRAINING_RUNS_DIR": "/dev/null/runs"}, "TRAINING_RUNS_DIR='/dev/null/runs'"),
    "all addresses": ({"TRAINING_HOST": "0.0.0.0"}, "TRAINING_API_TOKEN"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("settings", "expected"), STOPPED_BY.values(), ids=STOPPED_BY)
def test_one_clear_line_stops_the_service_at_start(
    kind: str, tmp_path: Path, settings: dict[str, str], expected: str
) -> None:
    assert expected in error_line(refusal(kind, tmp_path, **settings))


@pytest.mark.parametrize("address", ["0.0.0.0:{}", "[::]:{}", ":{}"])
def test_gunicorns_bind_options_do_not_bypass_the_token(tmp_path: Path, address: str) -> None:
    """Every address is checked, not only the first one."""
    addresses = "-b", f"127.0.0.1:{free_port()}", "-b", address.format(free_port())
    assert "TRAINING_API_TOKEN" in error_line(refusal("gunicorn", tmp_path, *addresses))


def test_inherited_sockets_are_checked(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        output = refusal("gunicorn", tmp_path, "-b", f"fd://{listener.fileno()}", pass_fds=[listener.fileno()])
    assert "TRAINING_API_TOKEN" in error_line(output)


def test_a_port_in_use_stops_the_service_at_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        output = refusal("eventlet", tmp_path, TRAINING_PORT=str(taken.getsockname()[1]))
    assert "in use" in output


@on_eventlet
def test_the_service_starts_in_any_folder_and_logs_what_is_missing(stopped_server: LiveServer, tmp_path: Path) -> None:
    server = stopped_server
    server.cwd = tmp_path
    del server.settings["TRAINING_CONFIGS_DIR"]
    server.settings |= {
        "TRAINING_DATA_DIR": str(tmp_path / "none"),
        "TRAINING_PROT": "1",
        "TRAINING_JOB_NAME": "resnet",
    }
    server.start()
    log = server.log_path.read_text()
    assert log.count("TRAINING_PROT ") == 1
    assert "TRAINING_JOB_NAME" not in log
    assert f"{tmp_path / 'none'} contains no datasets" in log
    assert "no experiments" not in log
    own = sorted(path.name for path in (ROOT / "configs" / "experiment").glob("*.yaml"))
    assert server.get("/training/configs").json() == {"available_configs": own, "problems": {}}
    run_id = server.start_run("command_example.yaml")  # The path of its program is relative to the project.
    wait_until(lambda: server.get(f"/training/runs/{run_id}/log").json()["text"], 20, lambda: server.run(run_id))
    assert server.run(run_id)["state"] == "running"


@pytest.mark.parametrize(
    ("stopped_server", "host", "settings"),
    [
        ("eventlet", "0.0.0.0", {"TRAINING_API_TOKEN": "secret"}),
        ("gunicorn", "::", {"TRAINING_ALLOW_ANONYMOUS": "1"}),
    ],
    indirect=["stopped_server"],
)
def test_the_service_listens_everywhere_with_a_token_or_anonymous_access(
    stopped_server: LiveServer, host: str, settings: dict[str, str]
) -> None:
    stopped_server.settings |= settings | {"TRAINING_HOST": host}
    stopped_server.start()
    assert requests.get(f"http://{own_address()}:{stopped_server.port}/ping", timeout=10).json() == {"status": "ok"}


def own_address() -> str:
    """Find an address of this machine other than loopback, without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has loopback only")
        return str(probe.getsockname()[0])


@on_eventlet
def test_ipv6_loopback_needs_no_token(stopped_server: LiveServer) -> None:
    stopped_server.settings["TRAINING_HOST"] = "::1"
    stopped_server.url = f"http://[::1]:{stopped_server.port}"
    stopped_server.start()
    assert stopped_server.get("/training/status").status_code == 200
