"""The queued runs, their order, and the dispatcher that launches them.

A queued run is a run directory with its frozen experiment and `queued.json`, both written before the directory gets its
name. So the queue survives every crash and reboot. The holder of `supervisor.lock` dispatches: it submits the first
run, writes `executor.json`, and removes `queued.json`. If it is killed between any two of these steps, nothing is
launched twice and nothing is lost:

- Before the runner has created `state.json`, the run is still queued, and the next dispatcher submits it.
- After that the run is launched, and the next dispatcher only removes `queued.json`. A second runner would refuse.

Cancelling a run creates `state.json` too, with the verdict (`ending`). So a run either begins or is cancelled.

`queue.json` beside the runs records whether the queue is paused, and the order that people chose. If it is corrupt, the
runs are sorted by priority and age.

Only the first run is tried. If it needs more GPUs than are free and smaller runs could overtake it, it might wait
forever.
"""
