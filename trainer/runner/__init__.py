"""Own the process of one run from its launch to its verdict. Standard library only.

The runner forks once when it starts. The first half reports to the service by its exit code whether the program is
running, so `POST /training/start` answers with a pid and does not poll. The second half lives on as an orphan, so
no server has to reap it. It adopts every orphan of the program (PR_SET_CHILD_SUBREAPER). When the program ends, the
runner kills what descends from it, writes the verdict and ends. That releases the slot.

If the runner itself is killed, the kernel kills the program (PR_SET_PDEATHSIG). The supervisor finds what is left by
two marks: the slot's descriptor in /proc/PID/fdinfo, and the variable TRAINER_RUN_DIR in the environment. It ends these
processes within a second. Until then the run is active.

On a cluster the runner is the job itself, on a machine that may not be the service's. It stays in the foreground and
holds no lock: its heartbeat in the run directory shows that it lives. See job.py.
"""
