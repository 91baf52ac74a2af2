"""Try a model on images, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from tests.app.onnxmodel import brightness_model
from tests.app.written import write_model, write_run
from tests.page.axe import violations
from tests.page.conftest import REFUSED_REQUEST, Console
from tests.servers import LiveServer
from tests.waiting import wait_until

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # The fixture `browser` skips the test, or fails it in CI.

OpenPage = Callable[..., Any]
TRIED, OTHER = "2026-01-01_00-00-00", "2026-01-02_00-00-00"

GIVE = """([type, name, bytes]) => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(bytes)], name));
    const options = { dataTransfer: files, clipboardData: files, cancelable: true };
    document.dispatchEvent(type === "drop" ? new DragEvent(type, options) : new ClipboardEvent(type, options));
}"""
"""Drop or paste a file on the page."""


def image(brightness: int, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new("L", (40, 20), brightness).save(content, kind)
    return content.getvalue()


def file(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "", "buffer": content}


def test_a_person_tries_models_on_images(eventlet_server: LiveServer, open_page: OpenPage, console: Console) -> None:
    tried = write_model(write_run(eventlet_server.runs_dir, TRIED), model_name="tried")
    tried.write_bytes(brightness_model())
    other = write_model(write_run(eventlet_server.runs_dir, OTHER), model_name="other", test_metrics={})
    other.write_bytes(b"corrupt")
    page = open_page(f"{eventlet_server.url}/models")
    page.click(f"[aria-label='Try it: model of {TRIED}']")
    page.set_input_files("#try input[multiple]", [file("dark.png", image(0)), file("scan.tif", image(255, "TIFF"))])
    entries = page.locator(".tried > li")
    dark = entries.filter(has_text="dark.png")
    expect(dark.locator(".probabilities li")).to_have_text(["dark88.08%", "bright11.92%"])
    expect(entries.filter(has_text="scan.tif").locator(".probabilities li").first).to_have_text("bright88.08%")
    expect(entries.filter(has_text="scan.tif")).to_contain_text("The browser cannot show this image.")
    wait_until(lambda: dark.locator("canvas").bounding_box() == dark.locator("img").bounding_box(), 5)
    page.get_by_role("slider", name="Heatmap").press("End")
    expect(dark.locator("img")).to_have_css("opacity", "1")
    expect(page.locator(".try-about")).to_contain_text("4 \u00d7 4 pixels")
    expect(page.get_by_text("never tested")).to_be_hidden()
    console.expected.append(REFUSED_REQUEST)
    page.evaluate(GIVE, ["drop", "broken.png", list(image(0)[:-30])])
    page.evaluate(GIVE, ["paste", "pasted.png", list(image(255))])
    expect(entries.first.locator(".probabilities li").first).to_have_text("bright88.08%")
    expect(entries.filter(has_text="broken.png")).to_contain_text("Cannot be read")
    page.get_by_label("Compare with").select_option(label=f"other · as trained · {OTHER}")
    expect(page.get_by_text("never tested")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="cannot make predictions")).to_be_visible()
    other.write_bytes(brightness_model(with_heatmap=False, class_names='["night", "day"]'))
    page.get_by_role("button", name="Try again").click()
    expect(dark.locator(".probabilities").nth(1)).to_have_text("night88.08%day11.92%")
    expect(page.locator(".try-bar [role=status]")).to_have_text("4 images")
    assert page.locator("#try [data-changes]").count() == 0
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(page) == []
