"""The answers of a live server to generated requests, valid and invalid, are as the OpenAPI document describes them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import pytest

from tests.app.openapi import DOCUMENT, OPERATIONS, operation
from tests.app.written import METRICS, write_dataset, write_metrics, write_model, write_report, write_run
from tests.conftest import end
from tests.servers import KINDS, LiveServer

RUN = "2026-01-01_00-00-00"
UNREADABLE = "2025-12-31_00-00-00"
WRONG = "wrong.yaml"
BROKEN = {UNREADABLE, WRONG}


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LiveServer]]:
    """Both servers, by their kind. They run until the last test, in whichever order the tests use them."""
    servers = {kind: LiveServer(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}
    for server in servers.values():
        server.write_command("quick", "exit_with.py", "0")
        (server.configs_dir / WRONG).write_text("seeds: 1\nmodel: {}\n")
        write_dataset(server.data_dir, "pets")
        server.start()
    yield servers
    for server in servers.values():
        end(server)


@pytest.fixture
def runs(explored: dict[str, LiveServer], kind: str) -> Iterator[LiveServer]:
    """A server with a complete run, and one whose metrics and report are corrupt. No run is active afterwards."""
    server = explored[kind]
    renew(server)
    yield server
    server.post("/training/stop", {"mode": "discard"})


def renew(server: LiveServer) -> None:
    if not (server.runs_dir / RUN).exists():
        run = write_run(server.runs_dir, RUN, metrics=METRICS, log=b"log \xf0\x9f\x99\x82", progress='{"epoch": 1}')
        write_model(run)
        write_report(run)
    if not (server.runs_dir / UNREADABLE).exists():
        run = write_run(server.runs_dir, UNREADABLE, "failed", reason="exit code 3")
        write_metrics(run, b"\xff\xfea\n")
        (run / "report.json").write_bytes(b"{")


KNOWN: dict[str, list[str]] = {
    "run_id": [RUN, UNREADABLE],
    "name": ["quick.yaml", WRONG, "pets"],
    "path": ["train.log", "checkpoints/epoch_003.onnx"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_server_serves_the_document_under_test(runs: LiveServer) -> None:
    assert runs.get("/openapi.json").json() == DOCUMENT


VALID = [(*each, "positive", kind) for each, kind in zip(OPERATIONS, cycle(KINDS))]
INVALID = [
    (*each, "negative", kind)
    for each, kind in zip(OPERATIONS, cycle(KINDS[::-1]))
    if {"parameters", "requestBody"} & set(operation(*each))
]
"""Each operation is explored on both servers: on one with valid requests, on the other with invalid ones."""


@pytest.mark.parametrize(("method", "path", "mode", "kind"), VALID + INVALID)
def test_every_answer_is_as_described(runs: LiveServer, method: str, path: str, mode: str) -> None:
    from tests.app.exploration import explore

    explore(method, path, mode, runs.url, KNOWN, BROKEN, lambda: renew(runs))
