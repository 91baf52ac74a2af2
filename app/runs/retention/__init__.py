"""What runs cost in disk space, and how that space comes back.

`prune` decides which old runs may go, by age and by their place among the runs of their experiment (`ranking`), and
removes them or only their `checkpoints`. `sizes` measures runs. `trash` keeps deleted runs for a day, and `expiry`
removes them after that.
"""
