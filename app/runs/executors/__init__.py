"""The executors: this machine, or a SLURM cluster."""
