"""The commands of SLURM."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile
from typing import IO

from app.runs import child

TIMEOUT_S = 15.0
"""Most of SLURM's commands give up by themselves after 9 s without the controller, but not all."""


_AWAY = ("unable to contact", "connection refused", "connect failure", "timed out", "communication connection")
"""What SLURM's commands say while the controller is away, in lower case."""


class SlurmError(Exception):
    """A command has failed. The message is SLURM's own, in one line."""


class SlurmAway(SlurmError):
    """SLURM did not answer. The same command may succeed later."""


class Commands:
    """Run SLURM's commands in an environment without the settings of the service."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def run(self, argv: Sequence[str], script: str = "") -> str:
        """Run a command with `script` as its standard input, and return what it prints.

        Raises SlurmAway, or SlurmError for every other failure.
        """
        with TemporaryFile() as stdin, TemporaryFile() as output, TemporaryFile() as errors:
            stdin.write(script.encode())
            stdin.seek(0)
            try:
                exit_code = child.wait_or_kill(self.begin(argv, output, errors, stdin), TIMEOUT_S)
            except OSError as error:
                raise SlurmError(f"cannot execute {argv[0]}: {error.strerror or error}") from error
            if exit_code is None:
                raise SlurmAway(f"{argv[0]} got no answer from SLURM within {TIMEOUT_S:g} s")
            if exit_code != 0:
                message = explain(argv[0], child.printed(errors))
                raise (SlurmAway if any(text in message.lower() for text in _AWAY) else SlurmError)(message)
            return child.printed(output)

    def begin(
        self, argv: Sequence[str], output: IO[bytes], errors: IO[bytes], stdin: IO[bytes] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command with files for what it prints, and return at once. Raises OSError."""
        return subprocess.Popen(
            argv,
            env=self._environment,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )


def explain(command: str, errors: str) -> str:
    """Return the fatal error, else the first one, that a command has printed, without the command's name."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    fatal = [line for line in lines if "fatal: " in line]
    text = next(iter([*fatal, *lines]), f"{command} failed without a message")
    for prefix in (f"{command}: ", "error: ", "fatal: "):
        text = text.removeprefix(prefix)
    return text
