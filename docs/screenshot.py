"""Take the screenshot docs/page.png of a real training on digits: `python docs/screenshot.py`.

The script needs Chromium and Playwright, and takes less than a minute. It leaves no service, run or browser behind.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import ViewportSize, expect, sync_playwright  # noqa: E402

from tests.page.conftest import ARGUMENTS  # noqa: E402
from tests.servers import LiveServer  # noqa: E402

EPOCHS = 12
SHOWN_AFTER_EPOCHS = 8
SIZE: ViewportSize = {"width": 1280, "height": 1120}


def main() -> None:
    subprocess.run([sys.executable, "-m", "trainer.digits"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory(prefix="training-") as home:
        server = LiveServer(Path(home))
        server.settings["TRAINING_CONFIGS_DIR"] = str(ROOT / "configs" / "experiment")
        server.settings["TRAINING_DATA_DIR"] = str(ROOT / "data")
        server.start()
        try:
            take(server, ROOT / "docs" / "page.png")
        finally:
            server.post("/training/stop", {"mode": "discard"})
            server.kill()


def take(server: LiveServer, path: Path) -> None:
    # An earlier short run adds a model to the list of last runs.
    earlier = server.start_run("digits_resnet.yaml", dataset="digits", overrides={"trainer.max_epochs": 2})
    server.wait_for_state(earlier, "completed", timeout_s=120)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(server.url)
        server.start_run("digits_resnet.yaml", dataset="digits", overrides={"trainer.max_epochs": EPOCHS})
        expect(page.locator("#epoch")).to_have_text(f"{SHOWN_AFTER_EPOCHS} of {EPOCHS} epochs done", timeout=120_000)
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    main()
