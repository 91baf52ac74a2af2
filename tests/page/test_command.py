"""A program of one's own on the page: its parameters in the form, its run, its stop, and how it is resumed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tests.app.written import write_config
from tests.live.processes import wait_for_log
from tests.page.conftest import REFUSED_REQUEST, Console
from tests.page.form import field, problem, request_of
from tests.page.training import wait_for_state
from tests.servers import ROOT, LiveServer

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]

SAVES = f"""
description: Saves when it is asked to
command:
  argv: [{sys.executable}, {ROOT}/tests/programs/save_on_signal.py, "{{output_dir}}/last.pt", --on, "{{signal}}",
    --takes, "{{seconds}}"]
  parameters:
    signal: {{default: TERM, choices: [INT, TERM], doc: signal on which it saves}}
    seconds: {{default: 0.3, min: 0, max: 5}}
  resume: [--from, "{{resume_dir}}/last.pt"]
  stop: {{signal: SIGINT, grace_s: 9}}
"""
HYDRA = "# @package _global_\ndefaults:\n  - override /data: mnist\n"


def test_a_command_from_its_form_to_its_resume(
    eventlet_server: LiveServer, open_page: OpenPage, console: Console
) -> None:
    console.expected.append(REFUSED_REQUEST)
    server = eventlet_server
    write_config(server, "saves.yaml", SAVES)
    write_config(server, "hydra.yaml", HYDRA)
    page = open_page(server.url + "/start")
    expect(page.locator("#config_name option")).to_have_text(["saves", "hydra (not usable)"])
    page.select_option("#config_name", "hydra.yaml")
    expect(page.locator("#config_name-problem")).to_contain_text("this is a Hydra configuration")
    page.select_option("#config_name", "saves.yaml")
    expect(field(page, "seconds")).to_have_value("0.3")
    expect(page.locator("[id='parameter-seconds-hint']")).to_have_text("From 0 to 5")
    expect(page.locator("#command")).to_contain_text("--on {signal} --takes {seconds}")
    field(page, "seconds").fill("6")
    expect(problem(page, "seconds")).to_have_text("must be from 0 to 5")
    field(page, "seconds").fill("0.1")
    field(page, "signal").select_option("INT")
    expect(problem(page, "seconds")).to_be_hidden()
    overrides = {"signal": "INT", "seconds": 0.1}
    assert request_of(page) == {"config_name": "saves.yaml", "model_name": "model", "overrides": overrides}
    page.click("#start-button")

    wait_for_state(page, "running")
    run_id = server.get("/training/status").json()["run_id"]
    wait_for_log(server, run_id, "ready")
    expect(page.locator("#epoch")).to_have_text("Running")
    expect(page.locator("#percent")).to_have_text("")
    expect(page.locator("#run .facts")).to_contain_text("Elapsed")
    expect(page.locator(".config-part", has_text="parameters")).to_contain_text("signalINT (overridden)seconds0.1")
    expect(page.locator("#resume")).to_be_hidden()
    page.click("#stop")
    expect(page.locator("#stop-about")).to_contain_text("The program gets SIGINT")
    expect(page.locator("#stop-about")).to_contain_text("After 9 s the service kills it")
    page.click("#stop-save")

    wait_for_state(page, "stopped")
    expect(page.locator("#files")).to_contain_text("output/last.pt")
    expect(page.locator("#no-charts")).to_have_text("No metrics logged.")
    for absent in ("#report", "#download", "#failure"):
        expect(page.locator(absent)).to_be_hidden()
    page.click("#resume")
    expect(page.locator("#resume_from-hint")).to_contain_text("resume from this run")
    expect(field(page, "signal")).to_have_value("INT")
    field(page, "seconds").fill("0.2")
    assert request_of(page) == {"resume_from": run_id, "model_name": "model", "overrides": {"seconds": 0.2}}
    (server.runs_dir / run_id / "output" / "last.pt").unlink()
    page.click("#start-button")
    expect(page.locator("#resume_from-problem")).to_contain_text("has not written last.pt")
