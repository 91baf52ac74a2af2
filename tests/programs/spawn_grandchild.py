"""Start a process that ignores SIGTERM, write its pid to PID_FILE, then wait forever or exit with `--exit CODE`.

With `--setsid` the grandchild gets its own session and process group. With `--close-fds` it inherits no descriptor.
With `--clean-environment` it inherits no environment variable.
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

SLEEPER = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\nsignal.pause()"

parser = argparse.ArgumentParser()
parser.add_argument("pid_file", type=Path)
parser.add_argument("--setsid", action="store_true")
parser.add_argument("--close-fds", action="store_true")
parser.add_argument("--clean-environment", action="store_true")
parser.add_argument("--exit", type=int)
options = parser.parse_args()

grandchild = subprocess.Popen(
    [sys.executable, "-c", SLEEPER],
    start_new_session=options.setsid,
    close_fds=options.close_fds,
    env={} if options.clean_environment else None,
    stdin=subprocess.DEVNULL,
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
)
assert grandchild.stdout is not None
grandchild.stdout.readline()
temporary = options.pid_file.with_suffix(".tmp")
temporary.write_text(str(grandchild.pid))
temporary.replace(options.pid_file)
print("ready", flush=True)
if options.exit is not None:
    os._exit(options.exit)
signal.pause()
