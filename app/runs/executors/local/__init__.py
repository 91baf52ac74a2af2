"""Run on this machine: slots, processes, and the launch of the runner.

Slots
-----
A slot's file is flocked through one open file description. The service opens it, the runner inherits it, and the
program inherits it from the runner. To check a slot, the service tries to lock it for an instant in shared mode.
Another lock, `slots/guard`, is held for these microseconds. So a check never makes a start fail, and a run's name is
never read before it is written. /proc/locks would need no second lock, but in a container it hides locks whose taker
has exited, such as a restarted service. A run holds one slot, no matter how many GPUs it has. The slot's file names
them, so they become free together with the slot.

The files may be deleted at any time, even while their runs are active. So a free slot does not prove that nothing runs.
Whenever the folder has changed, `survivors` searches the processes once, by the runner's pid and start time and by the
mark in the environment. A run that it finds counts as if it held a slot.

The prewarmed process
---------------------
If prewarming is on, the server process that holds `supervisor.lock` keeps two processes waiting, arranged like those of
a run: `trainer.runner.keeper`, an orphan in its own session, and its child `trainer.warm`, which imports everything
that a training needs. A start sends the run's directory and the locked descriptor over a Unix socket. The keeper
becomes the runner by exec, which keeps its pid, its child and the child's PR_SET_PDEATHSIG. The runner passes on lock
and log, and the program continues in the function that `python -m trainer` calls. From there on the code path is the
same.

- Before it gets a run, the process reads no experiment, no user module and no device. It refuses to wait with CUDA
  initialised.
- It does not outlive the server. When the socket closes, the keeper exits, and then the program.
- A start uses it only if it is ready and the files of `trainer/` and the folders of packages have not changed since
  before the imports. Otherwise the start is cold. This is decided before anything of the run has begun.
- While no slot is free, nothing is imported. A lower priority would not help, because an unprivileged process cannot
  raise it again.
- If the process exits by itself, it is not replaced before the next start or a change of the code.

A fork server, which imports once and forks for every run, would save the import after each run. But the program would
be its child, not the runner's, and forking after torch has started threads is not safe.
"""
