"""One more process of a training on several devices: `python -m trainer.rank RANK LEADER_PID`, see ddp.leader."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from typing import BinaryIO

from trainer import libraries, reasons
from trainer.ddp.leader import FailedElsewhere, Failure, Order
from trainer.experiment.experiment import Experiment
from trainer.runner import process
from trainer.stopping import SIGNALS, Stop, Stopped


def main(leader_pid: int) -> int:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the leader decides
    process.end_with_parent()
    if os.getppid() != leader_pid:
        return 1  # it was gone before
    report = _take_stdout()
    train = libraries.import_train()
    order: Order = pickle.load(sys.stdin.buffer)
    try:
        train.Training(order.request, Stop(order.request.run.stop)).take_part(order.port)
    except Stopped:
        pass
    except FailedElsewhere:
        signal.pause()  # until the leader, who has the reason, ends us
    except Exception as error:
        _tell(_failure(error, order.request.experiment), report)
        return 1
    _tell(None, report)
    return 0


def _take_stdout() -> BinaryIO:
    """Keep stdout for the one thing that the leader reads; whatever is printed goes to stderr, which is the log."""
    kept = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(kept, "wb")


def _tell(outcome: Failure | None, report: BinaryIO) -> None:
    pickle.dump(outcome, report)
    report.flush()


def _failure(error: Exception, trained: Experiment) -> Failure:
    is_plain = reasons.says_everything(error)
    return Failure(reasons.reason_of(error, trained), "" if is_plain else "".join(traceback.format_exception(error)))


if __name__ == "__main__":
    exit_code = main(leader_pid=int(sys.argv[2]))
    sys.stdout.flush()
    os._exit(exit_code)  # nothing may come after the leader's last line, and loader processes end with us
