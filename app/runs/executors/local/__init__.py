"""Run on this machine: locks, processes, and the launch of the runner."""
