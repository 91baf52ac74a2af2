"""Programs of `command` experiments: their output folder, and what a stop does to them."""

from __future__ import annotations

from tests.live.processes import wait_for_log
from tests.servers import LiveServer


def test_the_service_ignores_a_programs_files_with_its_own_names(server: LiveServer) -> None:
    config = server.write_command("theirs", "write_ours.py", "{output_dir}")
    run = server.wait_for_state(server.start_run(config, model_name="ours"), "completed", "failed")
    run_id, output = run["run_id"], server.runs_dir / run["run_id"] / "output"
    assert (run["state"], run["reason"], run["stop"], run["model"], run["preflight"]) == ("completed", *[None] * 4)
    assert run["config"]["command"]["argv"][-1] == "{output_dir}"
    assert (run["model_name"], run["progress"]) == ("ours", {"epoch": 1, "max_epochs": 1})
    assert server.get(f"/training/runs/{run_id}/log").json()["text"] == "our log\n"
    assert server.get(f"/training/runs/{run_id}/report").status_code == 404
    assert server.get("/training/models").json() == {"models_info": []}
    assert server.get(f"/training/models/{run_id}/download").status_code == 404
    [listed] = server.get("/training/metrics/runs").json()
    assert (listed["status"], listed["has_checkpoint"], listed["metrics_file"]) == (
        "completed",
        False,
        str(output / "metrics.csv"),
    )
    metrics = server.get(f"/training/metrics/runs/{run_id}").json()
    assert (metrics["csv_file"], metrics["total_rows"]) == (str(output / "metrics.csv"), 1)
    assert {"state.json", "output/state.json", "output/metrics.csv"} <= {each["path"] for each in run["artifacts"]}
    answer = server.get(f"/training/runs/{run_id}/artifacts/output/checkpoints/theirs.onnx")
    assert answer.text == "their network"


def test_a_run_reports_what_a_stop_does_to_its_program(server: LiveServer) -> None:
    stop = "stop: {signal: SIGINT, grace_s: 7}"
    run_id = server.start_run(server.write_command("waits", "wait_for_file.py", "/nonexistent", more=stop))
    wait_for_log(server, run_id, "ready")
    assert server.run(run_id)["on_stop"] == {"signal": "SIGINT", "grace_s": 7.0, "saves": None, "exports": None}
    assert server.post("/training/stop").json()["status"] == "stopped"
    run = server.run(run_id)
    assert (run["state"], run["signal"], run["stop"]["grace_s"]) == ("stopped", "SIGINT", 7.0)
