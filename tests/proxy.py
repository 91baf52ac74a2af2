"""nginx (Debian's nginx-light) in front of a service on loopback. Without nginx, tests skip, but fail in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.servers import free_port
from tests.waiting import wait_until

INSTALL = "The tests behind a proxy need nginx (apt-get install nginx-light) and openssl."
PREFIX = "/train"

HTTP = """
daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port}{tls};
    ssl_certificate {home}/cert.pem; ssl_certificate_key {home}/key.pem;
    location /train/ {{
      proxy_pass {upstream}{path};
      proxy_http_version 1.1;
      proxy_set_header Host {host};
      proxy_set_header Upgrade {upgrade};
      proxy_set_header Connection $http_connection;
    }}
  }}
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
    """Serve `upstream` below /train/ and yield that address. If `strips`, nginx removes the prefix from paths.

    With an empty `upgrade` nginx passes no WebSocket on.
    """
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None or shutil.which("openssl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail(INSTALL)
        pytest.skip(INSTALL)
    home.mkdir()
    make_certificate(home)
    port = free_port()
    configuration = HTTP.format(
        home=home,
        port=port,
        tls=" ssl" if tls else "",
        upstream=upstream,
        path="/" if strips else "",
        host=host,
        upgrade=upgrade or '""',
    )
    (home / "nginx.conf").write_text(configuration, encoding="utf-8")
    # As root, nginx runs its workers as another user, who cannot open the test's folders.
    user = ["-g", "user root;"] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [nginx, "-e", f"{home}/error.log", "-c", f"{home}/nginx.conf", *user], stdin=subprocess.DEVNULL
    )
    address = f"{'https' if tls else 'http'}://localhost:{port}{PREFIX}"
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
    assert process.poll() is None, "nginx has exited"
    try:
        return requests.get(f"{address}/ping", timeout=5, verify=False).ok
    except requests.ConnectionError:
        return False
