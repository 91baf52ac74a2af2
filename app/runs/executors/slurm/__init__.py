"""Run on a SLURM cluster, whose queue is the only queue unless TRAINING_MAX_ACTIVE limits what is submitted.

Each run is one job, named by the run id, in the run's directory. The job is the runner in the foreground
(trainer.runner.job). Everything else goes over the shared file system: log, metrics, state, the stop, and the heartbeat
that shows that a run is alive. So an unreachable controller prevents only new starts.

What we found out about SLURM 22.05, and what follows:

- A controller that is killed right after it has launched a job launches it again, despite --no-requeue. The runner
  refuses a second launch (trainer.runner.statefile).
- After such a crash the controller reuses job ids. So a job is ours only if it works in the run's directory, and every
  scancel names the run too.
- The commands hang for 9 s while the controller is away, and `scancel --batch` for 95 s on a pending job. So squeue
  runs in the background (listing.py), every command has a timeout, and a pending job is cancelled, not signalled.
- A job that has ended vanishes from the list after MinJobAge (5 minutes by default). So its end is written to
  executor.json.
- SLURM reports a job as RUNNING for minutes after its node has died, and as ended while its processes live. So a run is
  gone only if SLURM says so and its heartbeat is old (heartbeats.py).
- The JSON of squeue changes between versions and lists the jobs of all users. `--format` does neither.
"""
