"""`python -m app.cli`: the command line in a checkout that is not installed."""

from __future__ import annotations

from app.cli import main

if __name__ == "__main__":
    main(prog_name="training")
