"""End with the exit code given; `--say TEXT` prints it before, without a line end."""

import sys

if "--say" in sys.argv:
    print(sys.argv[sys.argv.index("--say") + 1], end="", flush=True)
sys.exit(int(sys.argv[1]))
