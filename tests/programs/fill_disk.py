"""Write into the run directory until the disk is full and an OSError ends the program."""

import sys
from pathlib import Path

with open(Path(sys.argv[1]) / "ballast", "wb", buffering=0) as ballast:
    while True:
        if ballast.write(bytes(65536)) < 65536:  # A short write means that the disk is full: the next write fails.
            ballast.write(bytes(65536))
