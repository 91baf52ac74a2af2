"""The page's files: caching, compression, and a policy that allows only our own."""

from __future__ import annotations

import gzip
import posixpath
import re

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from app.settings import Settings
from tests.servers import ROOT


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(Settings(), "threading").test_client()


@pytest.fixture
def address(client: FlaskClient) -> str:
    """The base path of the page's files."""
    [found] = set(re.findall(r"assets/\w+(?=/main\.js)", client.get("/").text))
    return f"/{found}"


def test_the_content_security_policy_allows_only_our_own_files(client: FlaskClient, address: str) -> None:
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert client.get(f"{address}/main.js").headers["Content-Security-Policy"] == policy
    assert "script-src 'self';" in client.get("/docs").headers["Content-Security-Policy"]
    assert client.get("/favicon.ico", buffered=True).headers["Content-Type"].startswith("image/svg+xml")


def test_browsers_may_cache_the_files_forever(client: FlaskClient, address: str) -> None:
    current = client.get(f"{address}/main.js")
    assert current.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert current.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert current.headers["X-Content-Type-Options"] == "nosniff"
    assert current.text == (ROOT / "static" / "main.js").read_text()
    other = client.get("/assets/0123456789ab/main.js")  # Requested by a page from before an update.
    assert (other.text, other.headers["Cache-Control"]) == (current.text, "no-cache")


@pytest.mark.parametrize("path", ["../app/page/pages.py", "%2e%2e/app/page/pages.py", "none.js", "", "styles"])
def test_other_paths_are_not_found(client: FlaskClient, address: str, path: str) -> None:
    assert client.get(f"{address}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["/", "{address}/main.js", "{address}/styles/all.css"])
def test_files_are_compressed_for_browsers_that_accept_it(client: FlaskClient, address: str, path: str) -> None:
    path = path.format(address=address)
    plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.data) == plain.data
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data)


def test_a_font_is_not_compressed_again(client: FlaskClient, address: str) -> None:
    font = next((ROOT / "static" / "vendor").glob("*.woff2"))
    answer = client.get(f"{address}/vendor/{font.name}", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert answer.data == font.read_bytes()


def test_head_has_no_body(client: FlaskClient, address: str) -> None:
    answer = client.head(f"{address}/main.js")
    assert (answer.status_code, answer.data) == (200, b"")
    assert int(answer.headers["Content-Length"]) == (ROOT / "static" / "main.js").stat().st_size
    assert client.post(f"{address}/main.js").status_code in (404, 405)


def test_the_served_style_sheet_includes_every_other_style_sheet(client: FlaskClient, address: str) -> None:
    served = client.get(f"{address}/styles/all.css").text
    sheets = [*(ROOT / "static" / "styles").glob("*.css"), *(ROOT / "static" / "vendor").glob("uPlot*.css")]
    assert [sheet.name for sheet in sheets if sheet.read_text() not in served] == []


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/", []),
        ("/runs/ID", []),
        ("/?runs=A,B", ["compare"]),
        *((f"/{view}", [view]) for view in ("runs", "models", "try", "start")),
    ],
)
def test_the_html_preloads_each_module_that_its_view_imports(
    client: FlaskClient, address: str, path: str, own: list[str]
) -> None:
    """Otherwise a browser finds a module only after reading the one that imports it."""
    preloaded = set(re.findall(r'rel="modulepreload" href="([^"]+)"', client.get(path).text))
    todo, imported = [f"{address}/main.js", *(f"{address}/{view}/view.js" for view in own)], set()
    while todo:
        module = todo.pop()
        imported.add(module)
        found = re.findall(r'\bfrom\s+"(\.[^"]+)"', client.get(module).text)
        todo += {posixpath.normpath(posixpath.join(posixpath.dirname(module), path)) for path in found} - imported
    assert {f"/{name}" for name in preloaded} == imported
