"""Print `ready`, wait until FILE exists, print `end` and exit with CODE: `exit_when_told.py FILE CODE`."""

import sys
import time
from pathlib import Path

print("ready", flush=True)
while not Path(sys.argv[1]).exists():
    time.sleep(0.005)
print("end", flush=True)
sys.exit(int(sys.argv[2]))
