"""Follow the active run, and turn what its program writes into events."""
