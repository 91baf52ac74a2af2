"""Run `python wsgi.py` and record the pauses of its loop: `measure_pauses.py FILE python wsgi.py`.

A green thread repeatedly sleeps for 2 ms. For each pause of 10 ms or more, FILE gets a line with its milliseconds. So
that the load of the machine does not count, a pause is at most the processor time that the process used meanwhile, and
at most the time in which the loop did not wait for a processor. The first alone would count what threads of the pool
compute on another core while the loop waits for its own.
"""

import os
import runpy
import sys
import time
import warnings

WORTH_WRITING_S = 0.01


def measure(path: str) -> None:
    schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    with open(path, "a", buffering=1) as file:
        while True:
            began = clocks(schedstat)
            time.sleep(0.002)
            pause = min(ended - start for start, ended in zip(began, clocks(schedstat), strict=True))
            if pause >= WORTH_WRITING_S:
                file.write(f"{pause * 1000:.1f}\n")


def clocks(schedstat: int) -> tuple[float, float]:
    """Return the processor time of the process, and the time in which this thread did not wait for a processor."""
    waited_ns = int(os.pread(schedstat, 100, 0).split()[1])
    return time.process_time(), time.monotonic() - waited_ns / 1e9


def main() -> None:
    _, pauses, _, program = sys.argv
    sys.argv = [program]
    sys.path[0] = os.path.dirname(program)
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
    import eventlet

    eventlet.monkey_patch()
    eventlet.spawn_n(measure, pauses)
    runpy.run_path(program, run_name="__main__")


main()
