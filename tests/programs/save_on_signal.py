"""Wait for the signal, then save: `save_on_signal.py FILE [--on INT] [--takes SECONDS]` writes FILE and exits with 0.

It prints before it writes, so a closed pipe behind it keeps it from saving.
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
