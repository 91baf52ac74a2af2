"""Measure and free the disk space of runs.

`sizes` measures runs. `prune` removes old runs or only their `checkpoints`, by age and by rank within their experiment
(`ranking`). `trash` keeps deleted runs for a day, and `expiry` then removes them.
"""
