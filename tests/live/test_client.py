"""The Python client against a real service."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.cli.client import Client
from app.cli.events import ConnectionLost, EpochChanged, Event, LogWritten, RowsLogged, RunChanged
from app.cli.exceptions import ServiceError, Unreachable
from tests.app.written import write_model, write_run
from tests.live.files import epochs_of, log_of, rows_of
from tests.servers import LiveServer, free_port
from tests.waiting import wait_until


class Collected:
    """Everything that `follow` yields of one run."""

    def __init__(self, events: Iterator[Event]) -> None:
        self.rows: list[dict[str, float]] = []
        self.epochs: dict[float, dict[str, float | None]] = {}
        self.log = ""
        self.num_lost = 0
        self.last: Event | None = None
        end = 0
        for event in events:
            self.last = event
            if isinstance(event, RowsLogged):
                assert event.from_row == len(self.rows)
                self.rows += event.rows
            elif isinstance(event, EpochChanged):
                self.epochs[event.epoch] = event.metrics
            elif isinstance(event, LogWritten):
                assert event.offset == end
                end = event.next_offset
                self.log += event.text
            self.num_lost += isinstance(event, ConnectionLost)

    def assert_equals(self, run_path: Path) -> None:
        finite = [{name: value for name, value in row.items() if math.isfinite(value)} for row in self.rows]
        assert finite == rows_of(run_path)
        assert self.epochs == epochs_of(run_path)
        assert self.log == log_of(run_path)
        assert isinstance(self.last, RunChanged)
        assert self.last.state == "completed"


@contextmanager
def killed_at_random(server: LiveServer) -> Iterator[None]:
    """Kill the server with SIGKILL at three moments, and start it again each time."""
    is_over = threading.Event()
    moments = random.Random(0)

    def kill() -> None:
        for _ in range(3):
            is_over.wait(moments.uniform(0.1, 0.6))
            server.kill()
            server.start()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("stopped_server", ["eventlet"], indirect=True)
def test_following_survives_kills_of_the_service(own_server: LiveServer) -> None:
    config = own_server.write_command(
        "m", "write_metrics.py", "{run_dir}", "--rows", "600", "--pause", "0.005", "--new-column-every", "50"
    )
    with Client(own_server.url) as client:
        run_id = client.start(config)["run_id"]
        with killed_at_random(own_server):
            collected = Collected(client.follow(run_id))
    collected.assert_equals(own_server.runs_dir / run_id)
    assert collected.num_lost > 2


def test_a_slow_reader_gets_everything(eventlet_server: LiveServer) -> None:
    go = eventlet_server.home / "go"
    config = eventlet_server.write_command("f", "flood.py", "8", str(go))
    with Client(eventlet_server.url) as client:
        run_id = client.start(config)["run_id"]
        log = eventlet_server.runs_dir / run_id / "train.log"
        events = client.follow(run_id)
        next(events)
        wait_until(lambda: log.stat().st_size == 8 * 10**6, 20)
        go.touch()
        eventlet_server.wait_for_state(run_id, "completed")  # Meanwhile far more is sent than a connection holds.
        chunks = [event for event in events if isinstance(event, LogWritten)]
        offsets = [0, *(chunk.next_offset for chunk in chunks)]
        assert [chunk.offset for chunk in chunks] == offsets[:-1]
        assert "".join(chunk.text for chunk in chunks) == "x" * 8 * 10**6


def test_the_client_follows_the_first_run_to_come_and_one_run_only(eventlet_server: LiveServer) -> None:
    config = eventlet_server.write_command("m", "write_metrics.py", "{run_dir}", "--rows", "5")
    with Client(eventlet_server.url) as client:
        starter = threading.Timer(0.2, client.start, [config])
        starter.start()
        states = [event.state for event in client.follow() if isinstance(event, RunChanged)]
        starter.join()
        assert states[-1] == "completed"
        assert len(client.runs()) == 1


def test_the_verbs_answer_as_rest_does(eventlet_server: LiveServer, tmp_path: Path) -> None:
    server = eventlet_server
    run = write_run(server.runs_dir, "2020-01-01_00-00-00", log=b"started\n", metrics="epoch,step,val/acc\n0,1,0.5\n")
    write_model(run, b"onnx" * 100_000, "größe.onnx", model_name="größe")
    config = server.write_command("w", "wait_for_file.py", "/nonexistent")
    with Client(server.url) as client:
        assert client.check(config)["obstacles"] == []
        assert client.configs() == [config]
        assert client.datasets() == []
        assert client.metrics(run.name, columns="val/acc")["data"] == [{"val/acc": 0.5}]
        assert client.summary(run.name)["best_metrics"] == {"best_val/acc": 0.5}
        assert client.log(run.name, offset=-4)["text"] == "ted\n"
        assert [card["run_id"] for card in client.models()] == [run.name]
        assert client.download(run.name, tmp_path) == tmp_path / "größe.onnx"
        assert (tmp_path / "größe.onnx").read_bytes() == b"onnx" * 100_000
        active = client.start(config)["run_id"]
        waiting = [client.start(config, queue=True)["run_id"] for _ in range(2)]
        assert [entry["run_id"] for entry in client.queue.move(waiting[1], 1)["runs"]] == waiting[::-1]
        assert client.queue.pause()["paused"]
        assert not client.queue.resume()["paused"]
        assert [entry["run_id"] for entry in client.queue.cancel(waiting[0])["runs"]] == [waiting[1]]
        assert client.queue.cancel(waiting[1]) == client.queue.list()
        assert client.status()["run_id"] == active
        assert client.stop(mode="discard") == {"status": "stopped", "run_id": active}
        assert client.delete(run.name)["success"]
        assert run.name not in [each["run_id"] for each in client.runs()]


def test_errors_carry_the_words_of_the_service(eventlet_server: LiveServer, tmp_path: Path) -> None:
    config = eventlet_server.write_command("w", "end_at_once.py")
    with Client(eventlet_server.url) as client:
        for call in (lambda: client.run("none"), lambda: next(client.follow("none"))):
            with pytest.raises(ServiceError, match="No run 'none'") as refused:
                call()
            assert refused.value.code == 404
        with pytest.raises(ServiceError) as invalid:
            client.start(config, gpus=-1)
        assert (invalid.value.code, list(invalid.value.errors)) == (422, ["gpus"])
        with pytest.raises(ServiceError):
            client.download("none", tmp_path)
        assert list(tmp_path.iterdir()) == []
    with Client(f"127.0.0.1:{free_port()}") as client, pytest.raises(Unreachable, match="Connection refused"):
        client.follow()
