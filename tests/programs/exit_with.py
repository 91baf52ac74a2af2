"""Exit with CODE: `exit_with.py CODE [--say TEXT]` prints TEXT first, without a newline."""

import sys

if "--say" in sys.argv:
    print(sys.argv[sys.argv.index("--say") + 1], end="", flush=True)
sys.exit(int(sys.argv[1]))
