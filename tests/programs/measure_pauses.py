"""Run `python wsgi.py` and record the pauses of its loop: `measure_pauses.py FILE python wsgi.py`.

A green thread repeatedly sleeps for 2 ms. For each pause of 10 ms or more, FILE gets a line: the processor time in
milliseconds that the process used until the thread ran again. The load of the machine does not affect processor time.
"""

import os
import runpy
import sys
import time
import warnings

WORTH_WRITING_S = 0.01


def measure(path: str) -> None:
    with open(path, "a", buffering=1) as file:
        while True:
            began = time.process_time()
            time.sleep(0.002)
            taken = time.process_time() - began
            if taken >= WORTH_WRITING_S:
                file.write(f"{taken * 1000:.1f}\n")


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
