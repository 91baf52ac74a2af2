"""Run on a SLURM cluster, whose queue is the only queue unless TRAINING_MAX_ACTIVE limits what is submitted.

One job per run, named by the run id, in the run's own directory. The job is the runner in the foreground
(trainer.runner.job). Everything else goes over the shared file system: log, metrics, state, the stop, and the heartbeat
by which a run counts as alive. So a controller that is away stops nothing but new starts.

What we found out about SLURM 22.05, and what follows:

- A controller that is killed right after it has launched a job launches it again, despite --no-requeue. The runner
  refuses a second launch (trainer.runner.statefile).
- After such a crash the controller gives job ids again. So a job is ours if it works in the run's directory, and every
  scancel names the run too.
- The commands hang for 9 s while the controller is away, and `scancel --batch` for 95 s on a pending job. So nobody
  waits for squeue (listing.py), every command has a timeout, and a pending job is cancelled, not signalled.
- A job that has ended vanishes from the list after MinJobAge (5 minutes by default). So its end is written to
  executor.json.
- SLURM calls a job RUNNING for minutes after its node has died, and gives up jobs whose processes live. So a run is
  gone only if SLURM says so and its heartbeat is old (heartbeats.py).
- The JSON of squeue changes from version to version, and lists the jobs of all users. Its formats do not.
"""
