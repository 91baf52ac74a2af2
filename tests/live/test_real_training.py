"""Our own training program continues when its server is killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import end
from tests.live.files import assert_equals_files, wait_until_over
from tests.live.following import following
from tests.live.processes import program_of
from tests.servers import ROOT, LiveServer
from tests.waiting import wait_until
from trainer.digits import prepare


@pytest.mark.slow
def test_a_training_on_digits_survives_kill_9_of_the_server(tmp_path: Path) -> None:
    """Use gunicorn. trainer/test_warm.py covers eventlet, and test_restart.py covers other programs on both."""
    server = LiveServer(tmp_path, "gunicorn").start()
    try:
        follow_over_a_kill(server)
    finally:
        end(server)


def follow_over_a_kill(server: LiveServer) -> None:
    prepare(server.data_dir / "digits")
    shutil.copy(ROOT / "configs" / "experiment" / "digits_resnet.yaml", server.configs_dir)
    with following(server) as client:
        run_id = server.start_run("digits_resnet.yaml", dataset="digits", overrides={"trainer.max_epochs": 4})
        wait_until(lambda: client.epochs.get(0, {}).get("val/acc"), 120, lambda: (client.run, client.log))
        program = program_of(server, run_id)
        server.kill()
        server.start()
        status = server.get("/training/status").json()
        assert (status["status"], status["run_id"], status["pid"]) == ("running", run_id, program.pid)
        assert status["progress"]["max_epochs"] == 4
        wait_until_over(client, 120)
        assert client.state == "completed", client.log
        assert client.num_connects == 2
        assert_equals_files(client, server)
        assert set(client.epochs) >= {0, 1, 2, 3}
        assert all("val/loss" in client.epochs[epoch] for epoch in range(4))
    model = server.get(f"/training/models/{run_id}/download")
    assert (model.status_code, len(model.content) > 100_000) == (200, True)
