"""gunicorn's worker with gunicorn's own options."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError

import pytest

from tests.app.refusals import run_server
from tests.proxy import make_certificate
from tests.servers import free_port
from tests.waiting import wait_until


def test_tls_is_served_while_other_clients_stall_in_their_handshake(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    make_certificate(tmp_path)
    port = free_port()
    options = ("--certfile", str(tmp_path / "cert.pem"), "--keyfile", str(tmp_path / "key.pem"))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def ask(path: str) -> bytes:
        try:
            with urllib.request.urlopen(f"https://127.0.0.1:{port}{path}", timeout=20, context=context) as answer:
                return bytes(answer.read())
        except URLError:
            return b""

    process = run_server("gunicorn", tmp_path, *options, TRAINING_PORT=str(port))
    try:
        wait_until(lambda: ask("/ping"), 30)
        with ExitStack() as stack:
            for _ in range(200):
                silent = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                silent.sendall(b"\x16\x03\x01\x02")
            assert ask("/ping") == b'{"status":"ok"}\n'
            assert ask("/openapi.json").endswith(b"}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    assert "Traceback" not in output
