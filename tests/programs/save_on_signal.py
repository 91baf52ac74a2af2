"""Wait for a signal, write FILE and exit with 0: `save_on_signal.py FILE [--on INT] [--takes SECONDS]`.

It prints before it writes, so a closed output pipe prevents the save.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("file", type=Path)
parser.add_argument("--on", default="TERM")
parser.add_argument("--takes", type=float, default=0.3)
options = parser.parse_args()

came = []
signal.signal(getattr(signal, f"SIG{options.on}"), lambda *_: came.append(1))
print("ready", flush=True)
while not came:
    time.sleep(0.01)
print("saving", flush=True)
time.sleep(options.takes)
options.file.write_text("saved")
print("saved", flush=True)
sys.exit(0)
