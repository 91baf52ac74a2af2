"""Exit with an uncaught exception: `raise_error.py ValueError "what was wrong"`."""

import builtins
import sys

print("about to fail", flush=True)
raise getattr(builtins, sys.argv[1])(sys.argv[2])
