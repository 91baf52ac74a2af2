"""Own the process of one run from its launch to its verdict. Standard library only."""
