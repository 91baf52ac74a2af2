"""Print N megabytes without a newline, then exit once FILE exists: `flood.py N FILE`."""

import sys
import time
from pathlib import Path

for _ in range(int(sys.argv[1])):
    sys.stdout.write("x" * 10**6)
sys.stdout.flush()
while not Path(sys.argv[2]).exists():
    time.sleep(0.01)
