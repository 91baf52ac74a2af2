"""Write into a file until a signal comes, as a program writes a large checkpoint: `keep_writing.py FILE`."""

import sys
import time

print("writing", flush=True)
with open(sys.argv[1], "wb") as file:
    while True:
        file.write(b"weights")
        file.flush()
        time.sleep(0.01)
