"""Run `python wsgi.py` under eventlet and record who takes its locks in real threads: `record_green_locks.py FILE ...`.

Under eventlet a threading.Lock is a lock for green threads. A thread of eventlet's pool that has to wait for one waits
for ever, because nobody wakes it. For each place in the service's own code that takes one in such a thread, FILE gets a
line.
"""

import os
import runpy
import sys
import warnings
from typing import Any

LIBRARIES = (f"{os.sep}eventlet{os.sep}", f"{os.sep}threading.py", f"{os.sep}contextlib.py")


def place() -> str:
    """Return the file and line outside of the libraries that takes the lock."""
    frame = sys._getframe(2)
    while frame.f_back is not None and any(part in frame.f_code.co_filename for part in LIBRARIES):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def record(path: str) -> None:
    from eventlet.patcher import original
    from eventlet.semaphore import Semaphore

    real_ident = original("threading").get_ident
    loop, acquire, seen = real_ident(), Semaphore.acquire, set[str]()

    def acquire_and_record(self: Semaphore, *values: Any, **more: Any) -> bool:
        if real_ident() != loop and (where := place()) not in seen:
            seen.add(where)
            with open(path, "a") as file:
                file.write(f"{where}\n")
        return bool(acquire(self, *values, **more))

    Semaphore.acquire = acquire_and_record


def main() -> None:
    _, path, _, program = sys.argv
    sys.argv = [program]
    sys.path[0] = os.path.dirname(program)
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
    import eventlet

    eventlet.monkey_patch()
    open(path, "a").close()
    record(path)
    runpy.run_path(program, run_name="__main__")


main()
