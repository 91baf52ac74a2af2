"""Print `ready`, wait for the file given, and end with 0.

`--on-term CODE` ends with that code on SIGTERM; `--slow-term FILE` says `saving` on SIGTERM and goes on until FILE is
there; without either SIGTERM kills.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("file", type=Path)
parser.add_argument("--on-term", type=int)
parser.add_argument("--slow-term", type=Path)
options = parser.parse_args()

terms = []
if options.on_term is not None or options.slow_term is not None:
    signal.signal(signal.SIGTERM, lambda *_: terms.append(1))
print("ready", flush=True)
said = 0
while not options.file.exists():
    if terms and options.on_term is not None:
        sys.exit(options.on_term)
    if len(terms) > said:
        said = len(terms)
        print(f"saving {said}", flush=True)
    if terms and options.slow_term.exists():
        sys.exit(0)
    time.sleep(0.01)
