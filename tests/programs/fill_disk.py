"""Write into the run directory until the disk is full, and die of it."""

import sys
from pathlib import Path

with open(Path(sys.argv[1]) / "ballast", "wb", buffering=0) as ballast:
    while True:
        if ballast.write(bytes(65536)) < 65536:  # The last piece that fits.
            ballast.write(bytes(65536))
