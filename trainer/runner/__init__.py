"""Own the process of one run from birth to verdict. Standard library only."""
