"""The exit codes of `training`."""

from __future__ import annotations

CODES = {
    0: "success. With --follow: the run completed",
    1: "the run failed, or an error occurred on this machine",
    2: "the command line is wrong",
    3: "the run was stopped",
    4: "the run was interrupted, or its files cannot be read",
    5: "the service refused the request",
    6: "no service answers at the address",
    130: "Ctrl-C",
    141: "the reader of the output closed it, as `| head` does",
}
FAILED, REFUSED, UNREACHABLE, CTRL_C, BROKEN_PIPE = 1, 5, 6, 130, 141
OUTCOMES = {"completed": 0, "failed": 1, "stopped": 3, "interrupted": 4, "unknown": 4}
"""The code for the final state of a run."""

EPILOG = "Exit codes: " + "; ".join(f"{code}: {meaning}" for code, meaning in CODES.items()) + "."
