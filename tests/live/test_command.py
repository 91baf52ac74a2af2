"""Programs of `command` experiments: their output folder, their parameters, and what a stop does to them."""

from __future__ import annotations

import pytest

from tests.app.answers import problem
from tests.app.written import write_config
from tests.live.processes import wait_for_log
from tests.servers import LiveServer


@pytest.fixture
def server(eventlet_server: LiveServer) -> LiveServer:
    """Run the tests once: programs run in the same way below both servers."""
    return eventlet_server


def test_the_service_ignores_a_programs_files_with_its_own_names(server: LiveServer) -> None:
    config = server.write_command("theirs", "write_ours.py", "{output_dir}")
    run = server.wait_for_state(server.start_run(config, model_name="ours"), "completed", "failed")
    run_id, output = run["run_id"], server.runs_dir / run["run_id"] / "output"
    assert (run["state"], run["reason"], run["stop"], run["preflight"]) == ("completed", *[None] * 3)
    assert run["config"]["command"]["argv"][-1] == "{output_dir}"
    assert (run["model_name"], run["progress"]["epoch"], run["progress"]["source"]) == ("ours", 1, "progress.json")
    assert server.get(f"/training/runs/{run_id}/log").json()["text"] == "our log\n"
    assert server.get(f"/training/runs/{run_id}/report").status_code == 404
    assert server.get("/training/models").json()["models_info"] == run["models"] == [run["model"]]
    assert (run["model"]["file"], run["model"]["model_name"]) == ("output/checkpoints/theirs.onnx", "theirs")
    assert "not an ONNX file" in problem(server.get(f"/training/models/{run_id}/download"), 422)["message"]
    [listed] = server.get("/training/metrics/runs").json()
    assert (listed["status"], listed["can_resume"], listed["metrics_file"]) == (
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


PRINTS_ITS_ARGUMENTS = """
command:
  argv: [sh, -c, 'printf "%s|" "$@"; touch "$0/epoch-$1.pt"', "{output_dir}", "{epochs}", "--note={note}"]
  parameters:
    epochs: {default: 5, min: 1, max: 9, doc: passes over the data}
    note: none
  resume: [--resume, "{resume_dir}/epoch-*.pt"]
"""


def test_a_start_sets_parameters_and_resumes_an_earlier_run(server: LiveServer) -> None:
    config = write_config(server, "prints.yaml", PRINTS_ITS_ARGUMENTS)
    note = "a 'b' $(c) \"{d}\""
    first = server.start_run(config, overrides={"epochs": 3, "note": note})
    run = server.wait_for_state(first, "completed")
    assert server.get(f"/training/runs/{first}/log").json()["text"] == f"3|--note={note}|"
    assert (run["parameters"], run["request"]["overrides"]) == ({"epochs": 3, "note": note},) * 2
    assert run["config"]["command"]["parameters"]["epochs"]["default"] == 3
    assert run["can_resume"]
    assert server.get("/training/metrics/runs").json()[0]["can_resume"]

    resumed = server.post("/training/start", {"resume_from": first, "overrides": {"note": "x"}}).json()["run_id"]
    assert server.wait_for_state(resumed, "completed")["parameters"] == {"epochs": 3, "note": "x"}
    checkpoint = server.runs_dir / first / "output" / "epoch-3.pt"
    assert server.get(f"/training/runs/{resumed}/log").json()["text"] == f"3|--note=x|--resume|{checkpoint}|"
    described = server.get(f"/training/parameters?run_id={resumed}").json()["parameters"]
    assert [(each["path"], each["kind"], each["default"]) for each in described] == [
        ("epochs", "integer", 3),
        ("note", "string", "x"),
    ]

    checkpoint.unlink()
    assert not server.run(first)["can_resume"]
    assert "has not written epoch-*.pt" in resume_problem(server, resume_from=first)
    write_config(server, "other.yaml", "command: {argv: [other], resume: [--resume]}\n")
    assert "is of prints.yaml" in resume_problem(server, resume_from=resumed, config_name="other.yaml")
    write_config(server, config, PRINTS_ITS_ARGUMENTS.partition("  resume:")[0])
    assert "cannot resume" in resume_problem(server, resume_from=resumed, config_name=config)


def resume_problem(server: LiveServer, **request: str) -> str:
    """Return the sentence by which a check and a start refuse to resume."""
    checked, started = (problem(server.post(f"/training/{path}", request), 422) for path in ("check", "start"))
    assert checked == started
    [sentence] = checked["errors"]["resume_from"]
    return str(sentence)
