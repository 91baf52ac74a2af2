"""The settings: their defaults and effects. An invalid one stops the service at start with one clear line."""

from __future__ import annotations

import re
import socket
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio

from app.settings import Settings, SettingsError, is_loopback
from tests.app.answers import problem
from tests.app.refusals import error_line, refusal
from tests.app.written import write_dataset, write_images
from tests.servers import KINDS, ROOT, LiveServer, free_port
from tests.waiting import wait_until

DEFAULTS = {
    "TRAINING_HOST": "127.0.0.1",
    "TRAINING_PORT": 8000,
    "TRAINING_CONFIGS_DIR": ROOT / "configs/experiment",
    "TRAINING_RUNS_DIR": ROOT / "logs/train/runs",
    "TRAINING_DATA_DIR": ROOT / "data",
    "TRAINING_DATA_ROOTS": (),
    "TRAINING_LINK_ROOTS": (),
    "TRAINING_API_TOKEN": None,
    "TRAINING_ALLOW_ANONYMOUS": False,
    "TRAINING_CORS_ORIGINS": (),
    "TRAINING_URL_PREFIX": "",
    "TRAINING_STOP_GRACE_S": 30,
    "TRAINING_POLL_INTERVAL_S": 0.1,
    "TRAINING_MIN_FREE_MB": 500,
    "TRAINING_MAX_SOCKETS": 1000,
    "TRAINING_PREWARM": False,
}


def parse(**variables: str) -> Settings:
    return Settings.from_environment(variables)


def test_the_defaults_are_the_documented_ones() -> None:
    settings = parse(PATH="/bin")
    assert {f"TRAINING_{f.name.upper()}": getattr(settings, f.name) for f in fields(settings)} == DEFAULTS


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_empty_variable_counts_as_unset(name: str) -> None:
    assert parse(**{name: ""}) == parse()


def test_values_are_parsed() -> None:
    settings = parse(
        TRAINING_HOST="[::1]",
        TRAINING_PORT="0",
        TRAINING_RUNS_DIR="relative/runs",
        TRAINING_DATA_ROOTS="/a:b:~/c:",
        TRAINING_CORS_ORIGINS="https://A.example/, http://localhost:3000",
        TRAINING_POLL_INTERVAL_S="2.5",
    )
    assert (settings.host, settings.port, settings.address) == ("::1", 0, "[::1]:0")
    assert settings.runs_dir == Path.cwd() / "relative/runs"
    assert settings.data_roots == (Path("/a"), Path.cwd() / "b", Path.home() / "c")
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.poll_interval_s == 2.5


BAD = {
    "TRAINING_HOST": ["a host", "http://x", "127.0.0.1:8000/"],
    "TRAINING_PORT": ["x", "-1", "65536", "80.5", "1e3"],
    "TRAINING_DATA_ROOTS": [":", "::"],
    "TRAINING_LINK_ROOTS": [":"],
    "TRAINING_API_TOKEN": ["two words", "schlüssel", "a\x00b", "a\n"],
    "TRAINING_ALLOW_ANONYMOUS": ["yes", "true", "2", " 1"],
    "TRAINING_CORS_ORIGINS": ["example.org", "https://", "https://a/path", "ftp://a", "https://a https://b"],
    "TRAINING_URL_PREFIX": ["train", "/a b", "//x", "/a//b", "/../x", "/a/.", "https://a/b", "/a?b", "/ä"],
    "TRAINING_STOP_GRACE_S": ["x", "-1", "nan", "inf", "1e9"],
    "TRAINING_POLL_INTERVAL_S": ["0", "-0.1", "61", "nan", "0,5"],
    "TRAINING_MIN_FREE_MB": ["-1", "1.5", "many"],
    "TRAINING_MAX_SOCKETS": ["0", "-1", "x"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts], ids=ascii)
def test_an_invalid_value_is_reported_with_what_would_be_right(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(**{name: text})
    message = str(raised.value)
    assert message.startswith(f"{name}={text!r} must ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("TRAINING_PROT", "TRAINING_PORT"),
        ("TRAINING_API_TOKENS", "TRAINING_API_TOKEN"),
        ("TRAINING_RUN_DIR", "TRAINING_RUNS_DIR"),
        ("TRAINING_SOMETHING_ELSE", None),
    ],
)
def test_a_warning_names_an_unknown_variable_and_the_nearest_known_one(name: str, nearest: str | None) -> None:
    assert parse(**{name: "8000"}) == parse()
    [warning] = Settings.unknown({name: "8000", "PATH": "/bin", "TRAINING_PORT": "1"})
    assert warning.startswith(f"{name} ")
    assert re.findall(r"TRAINING_\w+", warning)[1:] == [nearest] * (nearest is not None)


FOREIGN = {
    # Kubernetes sets these for Services named `training`, also with a named port, and `training-api`.
    "TRAINING_PORT": "tcp://10.43.0.7:8000",
    "TRAINING_SERVICE_HOST": "10.43.0.7",
    "TRAINING_SERVICE_PORT": "8000",
    "TRAINING_SERVICE_PORT_HTTP": "8000",
    "TRAINING_PORT_8000_TCP": "tcp://10.43.0.7:8000",
    "TRAINING_PORT_8000_TCP_PROTO": "tcp",
    "TRAINING_PORT_8000_TCP_PORT": "8000",
    "TRAINING_PORT_8000_TCP_ADDR": "10.43.0.7",
    "TRAINING_PORT_53_UDP": "udp://[fd00::7]:53",
    "TRAINING_API_SERVICE_HOST": "10.43.0.8",
    "TRAINING_API_PORT": "tcp://10.43.0.8:80",
    "TRAINING_API_PORT_80_TCP_ADDR": "10.43.0.8",
    # SageMaker sets these.
    "TRAINING_JOB_NAME": "resnet-2026-11-24",
    "TRAINING_JOB_ARN": "arn:aws:sagemaker:eu-west-1:1:training-job/resnet",
}


def test_variables_of_other_systems_are_ignored_without_a_warning() -> None:
    assert parse(**FOREIGN) == parse()
    assert Settings.unknown(FOREIGN) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_loopback_is_open_without_a_token(host: str) -> None:
    assert is_loopback(host)
    parse().refuse_exposure(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.0.1", "", "localhost.evil.example", "gpu-box", "127.0.0.1x"]
)
def test_every_other_host_needs_a_token_or_anonymous_access(host: str) -> None:
    with pytest.raises(SettingsError, match="TRAINING_API_TOKEN"):
        parse().refuse_exposure(host)
    parse(TRAINING_API_TOKEN="x").refuse_exposure(host)
    parse(TRAINING_ALLOW_ANONYMOUS="1").refuse_exposure(host)


# ---- the start, on both servers ----


STOPPED_BY = {
    "a bad value": ({"TRAINING_PORT": "eighty"}, "TRAINING_PORT='eighty'"),
    "a bad origin": ({"TRAINING_CORS_ORIGINS": "example.org"}, "TRAINING_CORS_ORIGINS"),
    "an impossible folder": ({"TRAINING_RUNS_DIR": "/dev/null/runs"}, "TRAINING_RUNS_DIR='/dev/null/runs'"),
    "all addresses": ({"TRAINING_HOST": "0.0.0.0"}, "TRAINING_API_TOKEN"),
    "all IPv6 addresses": ({"TRAINING_HOST": "::"}, "TRAINING_API_TOKEN"),
    "a host name": ({"TRAINING_HOST": "gpu-box.invalid"}, "TRAINING_API_TOKEN"),
    "an empty token": ({"TRAINING_HOST": "0.0.0.0", "TRAINING_API_TOKEN": ""}, "TRAINING_API_TOKEN"),
    "anonymous access denied": (
        {"TRAINING_HOST": "0.0.0.0", "TRAINING_ALLOW_ANONYMOUS": "0"},
        "TRAINING_ALLOW_ANONYMOUS=1",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("settings", "expected"), STOPPED_BY.values(), ids=STOPPED_BY)
def test_one_clear_line_stops_the_service_at_start(
    kind: str, tmp_path: Path, settings: dict[str, str], expected: str
) -> None:
    assert expected in error_line(refusal(kind, tmp_path, **settings))


@pytest.mark.parametrize("address", ["0.0.0.0:{}", "[::]:{}", ":{}"])
def test_gunicorns_bind_option_does_not_bypass_the_token(tmp_path: Path, address: str) -> None:
    port = free_port()
    assert "TRAINING_API_TOKEN" in error_line(refusal("gunicorn", tmp_path, "-b", address.format(port)))


def test_every_bind_address_is_checked(tmp_path: Path) -> None:
    harmless, open_to_all = f"127.0.0.1:{free_port()}", f"0.0.0.0:{free_port()}"
    assert "0.0.0.0" in error_line(refusal("gunicorn", tmp_path, "-b", harmless, "-b", open_to_all))


def test_inherited_sockets_are_checked(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        output = refusal("gunicorn", tmp_path, "-b", f"fd://{listener.fileno()}", pass_fds=[listener.fileno()])
    assert "TRAINING_API_TOKEN" in error_line(output)


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_in_use_stops_the_service_at_start(kind: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        output = refusal(kind, tmp_path, TRAINING_PORT=str(taken.getsockname()[1]))
    assert "in use" in output


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


def test_an_empty_experiment_folder_is_logged(stopped_server: LiveServer) -> None:
    stopped_server.start()
    log = stopped_server.log_path.read_text()
    assert f"{stopped_server.configs_dir} contains no experiments." in log


@pytest.mark.parametrize("settings", [{"TRAINING_API_TOKEN": "secret"}, {"TRAINING_ALLOW_ANONYMOUS": "1"}])
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_service_listens_everywhere_with_a_token_or_anonymous_access(
    stopped_server: LiveServer, settings: dict[str, str], host: str
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


def test_ipv6_loopback_needs_no_token(stopped_server: LiveServer) -> None:
    stopped_server.settings["TRAINING_HOST"] = "::1"
    stopped_server.url = f"http://[::1]:{stopped_server.port}"
    stopped_server.start()
    assert stopped_server.get("/training/status").status_code == 200


# ---- effects ----


def test_data_must_lie_below_the_data_roots(stopped_server: LiveServer, tmp_path: Path) -> None:
    server = stopped_server
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for root in (inside, outside):
        write_images(root, cat=1)
    (inside / "link").symlink_to(outside)
    write_dataset(server.data_dir, "pets")
    server.settings["TRAINING_DATA_ROOTS"] = f"{inside}:{tmp_path / 'other'}"
    server.start()
    (server.configs_dir / "echo.yaml").write_text('command:\n  argv: [echo, "{train_data_dir}"]\n')
    for folder in (outside, inside / "link", inside / ".." / "outside", "/", f"{inside}-not"):
        answer = server.post("/training/start", {"config_name": "echo", "train_data_dir": str(folder)})
        assert "TRAINING_DATA_ROOTS" in problem(answer, 422)["errors"]["train_data_dir"][0]
    unused = {"config_name": "echo", "train_data_dir": str(inside), "test_data_dir": str(outside)}
    assert set(problem(server.post("/training/start", unused), 422)["errors"]) == {"test_data_dir"}
    problem(server.post("/training/start", {"config_name": "echo", "dataset": "pets"}), 422)
    run_id = server.start_run("echo", train_data_dir=str(inside))
    server.wait_for_state(run_id, "completed")


def test_too_little_free_disk_refuses_a_start(stopped_server: LiveServer) -> None:
    stopped_server.settings["TRAINING_MIN_FREE_MB"] = "999999999"
    server = stopped_server.start()
    answer = server.post("/training/start", {"config_name": server.write_command("quick", "exit_with.py", "0")})
    message = problem(answer, 507)["message"]
    assert "TRAINING_MIN_FREE_MB" in message
    assert str(server.runs_dir) in message
    assert list(server.runs_dir.iterdir()) == []


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(stopped_server: LiveServer) -> None:
    stopped_server.settings["TRAINING_STOP_GRACE_S"] = "0.2"
    server = stopped_server.start()
    run_id = server.start_run(server.write_command("deaf", "ignore_sigterm.py"))
    wait_until(lambda: server.get(f"/training/runs/{run_id}/log").json()["text"], 10)
    assert server.post("/training/stop").json()["status"] == "stopped"
    assert "0.2 s" in server.run(run_id)["reason"]


def test_the_poll_interval_bounds_how_often_rows_are_sent(stopped_server: LiveServer) -> None:
    stopped_server.settings["TRAINING_POLL_INTERVAL_S"] = "1"
    server = stopped_server.start()
    received: list[dict[str, Any]] = []
    with server.client() as client:
        client.on("metrics", received.append, namespace="/training")
        client.call("subscribe", {}, namespace="/training")
        run_id = server.start_run(
            server.write_command("rows", "write_metrics.py", "{run_dir}", "--rows", "40", "--pause", "0.05")
        )
        server.wait_for_state(run_id, "completed")
        wait_until(lambda: sum(len(event["rows"]) for event in received) == 40, 10, lambda: received)
    # The program writes for two seconds. Polling every 0.1 s would send twenty events.
    assert len([event for event in received if event["rows"]]) <= 6


def test_more_sockets_than_allowed_are_refused(stopped_server: LiveServer) -> None:
    stopped_server.settings["TRAINING_MAX_SOCKETS"] = "1"
    server = stopped_server.start()
    with server.client():
        body = problem(server.get("/socket.io/?EIO=4&transport=polling"), 503)
        assert "TRAINING_MAX_SOCKETS" in body["message"]
        with pytest.raises(socketio.exceptions.ConnectionError):
            socketio.Client(reconnection=False).connect(server.url, transports=["websocket"])
        assert server.get("/training/status").status_code == 200
