"""eventlet's server with an app that misbehaves."""

from __future__ import annotations

import socket
import subprocess
import sys

import requests

from tests.servers import ROOT


def test_a_connection_that_is_closed_during_a_read_harms_no_other_client() -> None:
    """Otherwise the next pipe gets the same descriptor, and eventlet refuses a second reader of one descriptor."""
    argv = [sys.executable, "-W", "ignore", "-m", "tests.programs.serve_and_close"]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server, requests.Session() as other:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            address = f"http://127.0.0.1:{port}/pipe"
            assert other.get(address, timeout=20).text == "done"
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /read HTTP/1.1\r\nHost: a\r\n\r\n")
                assert connection.recv(1) == b"!"
                for _ in range(3):
                    assert other.get(address, timeout=20).text == "done"
        finally:
            server.kill()
