"""`python -m trainer.runner RUN_DIR LOCK_FD`: see trainer.runner.runner."""

from __future__ import annotations

import sys

from trainer.runner.runner import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
