"""Print `ready`, wait until the file exists, and exit with 0.

With `--on-term CODE`, SIGTERM makes it exit with that code. With `--slow-term FILE`, SIGTERM makes it print `saving`
and exit once FILE exists. Without either option, SIGTERM kills it.
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
