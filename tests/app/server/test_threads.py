"""Real threads beside eventlet's loop."""

from __future__ import annotations

import subprocess
import sys

from tests.servers import ROOT

BOTH_LOG = """
import eventlet
eventlet.monkey_patch()
import logging
import sys
from eventlet import tpool
from eventlet.patcher import original
from app.server.threads import LogHandler

class Output:
    is_busy = False

    def write(self, text):
        if "thread" in text:
            self.is_busy = True
            original("time").sleep(0.2)  # The loop logs meanwhile.
        sys.stdout.write(text)

output = Output()
logging.basicConfig(format="%(message)s", handlers=[LogHandler(output)])
thread = eventlet.spawn(tpool.execute, logging.warning, "thread")
while not output.is_busy:
    eventlet.sleep(0.001)
logging.warning("loop")
thread.wait()
"""


def test_the_loop_and_a_thread_of_the_pool_can_log_at_the_same_moment() -> None:
    done = subprocess.run([sys.executable, "-c", BOTH_LOG], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "thread\nloop\n"), done.stderr
