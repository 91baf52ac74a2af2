"""Run on this machine: slots, processes, and the launch of the runner.

Slots
-----
A slot's file is flocked through one open file description. The service opens it, the runner inherits it, and the
program inherits it from the runner. To look at a slot is to try it for an instant in shared mode. A further lock,
`slots/guard`, is held for these microseconds. So a look never makes a start fail, and nobody reads a run's name before
it is written. /proc/locks would need no second lock, but in a container it hides locks whose taker has ended, such as a
restarted service. A run holds one slot, whatever the number of its GPUs: the slot's file names them, so they are free
again at the moment at which the slot is.

The files may be deleted at any time, even under a living run. So a free slot does not prove that nothing runs. For each
new state of the folder, `survivors` searches the processes once, by the runner's pid and start time and by the mark in
the environment. A run that it finds counts as one that holds a slot.

The prewarmed process
---------------------
If prewarming is on, the server process that holds `supervisor.lock` keeps two processes waiting, placed like those
of a run: `trainer.runner.keeper`, nobody's child in a session of its own, and below it `trainer.warm`, which imports
everything that a training needs. A start sends the run's directory and the locked descriptor over a Unix socket. The
keeper becomes the runner by exec, which keeps its pid, its child and the child's PR_SET_PDEATHSIG. The runner passes on
lock and log, and the program continues in the function that `python -m trainer` calls. From there on there is one code
path.

- The process reads nothing before there is a run: no experiment, no module of a user's, no device. It refuses to wait
  with CUDA initialised.
- It lives no longer than the server. The end of the socket ends the keeper, and the end of the keeper ends the program.
- A start uses it only if it is ready, and if the files of `trainer/` and the folders of packages are as they were
  before it began to import. Otherwise the start is a cold one, decided before anything of the run has begun.
- While no slot is free nothing is imported. A lower priority would not help, because without privileges a process
  cannot raise it again.
- A process that ended by itself is not tried again before the next start or a change of the code.

A fork server, which imports once and forks for every run, would save the import after each run. But its children would
be its own, not the runner's, and to fork after torch has started threads is not safe.
"""
