"""nginx and Caddy in front of a service on loopback, with the configurations of docs/deploy."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.servers import ROOT, free_port
from tests.waiting import wait_until

DEPLOY = ROOT / "docs" / "deploy"
PREFIX = "/train"

AROUND_SERVERS = """
daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  {servers}
}}
"""


@contextmanager
def proxied(
    home: Path,
    upstream: str,
    strips: bool,
    tls: bool = False,
    host: str = "$http_host",
    upgrade: str = "$http_upgrade",
) -> Iterator[str]:
    """Serve `upstream` below /train/ with our nginx.conf and yield that address.

    If `strips`, nginx removes the prefix from paths. With an empty `upgrade` it passes no WebSocket on.
    """
    nginx = find("nginx", "apt-get install nginx-light openssl")
    home.mkdir()
    make_certificate(home)
    port = free_port()
    here = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port}{' ssl' if tls else ''};",
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen [::]:443 ssl;": "",
        "listen [::]:80;": "",
        "/etc/ssl/certs/train.example.org.pem": f"{home}/cert.pem",
        "/etc/ssl/private/train.example.org.key": f"{home}/key.pem",
        "http://127.0.0.1:8000": upstream + ("/" if strips else ""),
        "$http_host": host,
        "$http_upgrade": upgrade or '""',
    }
    servers = replaced((DEPLOY / "nginx.conf").read_text(encoding="utf-8"), here)
    (home / "nginx.conf").write_text(AROUND_SERVERS.format(home=home, servers=servers), encoding="utf-8")
    # As root, nginx runs its workers as another user, who cannot open the test's folders.
    user = ["-g", "user root;"] if os.geteuid() == 0 else []
    argv = [nginx, "-e", f"{home}/error.log", "-c", f"{home}/nginx.conf", *user]
    with running(argv, home, f"{'https' if tls else 'http'}://localhost:{port}{PREFIX}") as address:
        yield address


@contextmanager
def proxied_by_caddy(home: Path, upstream: str) -> Iterator[str]:
    """Serve `upstream` below /train/ by TLS with our Caddyfile and yield that address."""
    caddy = find("caddy", "apt-get install caddy openssl")
    home.mkdir()
    make_certificate(home)
    address = f"https://localhost:{free_port()}"
    here = {
        "train.example.org {": f"{address} {{\n\ttls {home}/cert.pem {home}/key.pem",
        "127.0.0.1:8000": upstream.removeprefix("http://"),
    }
    site = replaced((DEPLOY / "Caddyfile").read_text(encoding="utf-8"), here)
    options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"
    (home / "Caddyfile").write_text(options + site, encoding="utf-8")
    with running([caddy, "run", "--config", f"{home}/Caddyfile"], home, address + PREFIX) as below:
        yield below


def find(proxy: str, install: str) -> str:
    """Return the path of a proxy. Without it, or without openssl, skip the test, but fail it in CI."""
    found = shutil.which(proxy, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None or shutil.which("openssl") is None:
        message = f"This test needs {proxy} and openssl ({install})."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def replaced(text: str, here: dict[str, str]) -> str:
    """Adapt an example to this machine. Each old part must be in it."""
    for old, new in here.items():
        assert old in text, f"the example has no {old!r}"
        text = text.replace(old, new)
    return text


@contextmanager
def running(argv: list[str], home: Path, address: str) -> Iterator[str]:
    environment = os.environ | {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    with open(home / "error.log", "ab") as log:
        process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(process, address), 10, lambda: (home / "error.log").read_text())
        yield address
    finally:
        process.terminate()
        process.wait(10)


def make_certificate(home: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", f"{home}/key.pem", "-out", f"{home}/cert.pem"],
        check=True,
        capture_output=True,
    )  # fmt: skip


def answers(process: subprocess.Popen[bytes], address: str) -> bool:
    assert process.poll() is None, "the proxy has exited"
    try:
        return requests.get(f"{address}/ping", timeout=5, verify=False).ok
    except (requests.ConnectionError, requests.Timeout):
        return False
