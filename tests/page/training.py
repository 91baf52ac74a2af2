"""A program that a test controls step by step, so that no test has to sleep."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.servers import LiveServer

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.


class SteeredTraining:
    """An experiment whose program follows orders. A test may give them before or after the start."""

    def __init__(self, server: LiveServer, name: str = "steered", max_epochs: int = 3) -> None:
        self._orders = server.home / f"{name}.orders"
        self._orders.touch()
        self.name = name
        self.max_epochs = max_epochs
        self.config_name = server.write_command(name, "page_training.py", "{run_dir}", str(self._orders))

    def order(self, **order: Any) -> None:
        with open(self._orders, "a", encoding="utf-8") as file:
            file.write(json.dumps(order) + "\n")

    def epoch(self, epoch: int, **more: float) -> None:
        """Log an epoch (from 0) as Lightning does: the validation row first, then the training row."""
        step = 10 * (epoch + 1)
        self.order(row={"epoch": epoch, "step": step - 1, "val/loss": 2 / (epoch + 1), "val/acc": 0.5 + epoch / 10})
        self.order(row={"epoch": epoch, "step": step - 1, "train/loss": 1 / (epoch + 1), **more})
        self.order(
            progress={
                "epoch": epoch,
                "max_epochs": self.max_epochs,
                "step": step,
                "total_steps": 10 * self.max_epochs,
                "samples_per_s": 123.4,
                "eta_s": 65.0,
            }
        )
        self.order(print=f"epoch {epoch + 1} is done\n")

    def leave_models(self) -> None:
        """Write two ONNX files without any node, the better one last. As their bytes are ASCII, they are also texts."""
        for name in ("earlier", "mine"):
            self.order(file=f"{name}.onnx", text="\x08\x0a\x3a\x00")
            self.order(file=f"{name}.json", text=json.dumps({"model_name": name}))

    def end(self, code: int = 0) -> None:
        self.order(exit=code)


def start_by_form(page: Any, training: SteeredTraining) -> None:
    page.click(".navigation a[href='start']")
    expect(page.locator("#start-button")).to_be_enabled()
    page.select_option("#config_name", training.config_name)
    page.click("#start-button")
    expect(page).to_have_url(re.compile("/$"))


def wait_for_state(page: Any, state: str) -> None:
    expect(page.locator("#state")).to_have_text(state)
