"""One rank of a training on several devices: `python -m trainer.rank RANK LEADER_PID`. See trainer.ddp.leader."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from typing import BinaryIO

from trainer import libraries, reasons
from trainer.ddp.leader import Failure, OtherRankFailed, RankRequest
from trainer.experiment.experiment import Experiment
from trainer.runner import process
from trainer.stopping import SIGNALS, Stop, Stopped


def main(leader_pid: int) -> int:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the leader decides
    process.end_with_parent(leader_pid)
    report = _redirect_stdout()
    train = libraries.import_train()
    received: RankRequest = pickle.load(sys.stdin.buffer)
    try:
        train.Training(received.request, Stop(received.request.run.stop)).join(received.port)
    except Stopped:
        pass
    except OtherRankFailed:
        signal.pause()  # until the leader, which knows the reason, kills this process
    except Exception as error:
        _send(_describe(error, received.request.experiment), report)
        return 1
    _send(None, report)
    return 0


def _redirect_stdout() -> BinaryIO:
    """Reserve stdout for the report to the leader. Send everything that is printed to stderr, which is the log."""
    report = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(report, "wb")


def _send(outcome: Failure | None, report: BinaryIO) -> None:
    pickle.dump(outcome, report)
    report.flush()


def _describe(error: Exception, experiment: Experiment) -> Failure:
    trace = "" if reasons.says_everything(error) else "".join(traceback.format_exception(error))
    return Failure(reasons.reason_of(error, experiment), trace)


if __name__ == "__main__":
    exit_code = main(leader_pid=int(sys.argv[2]))
    sys.stdout.flush()
    os._exit(exit_code)  # prints nothing after the leader's last line, and ends the loader processes
