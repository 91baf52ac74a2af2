"""Start and stop runs: what a start needs, and what it checks first."""
