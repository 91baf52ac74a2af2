"""The `command` section: any other training program, what it is given, and how a stop ends it. No torch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, replace
from typing import Literal

from marshmallow.validate import Length

from trainer.experiment.schema import between, parameter
from trainer.rundir import OUTPUT_DIR_VARIABLE, RUN_DIR_VARIABLE

PLACEHOLDERS = ("output_dir", "run_dir", "config_name", "train_data_dir", "val_data_dir", "test_data_dir", "model_name")
"""The names that argv, cwd and env may hold in braces. `{{` and `}}` stand for the braces themselves."""

StopSignal = Literal["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class CommandStop:
    """What a stop does. The program gets the signal and saves its work. After the grace it is killed."""

    signal: StopSignal = parameter(
        "SIGTERM",
        doc="signal that asks the program to save its work and exit: SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1"
        " or SIGUSR2",
    )
    grace_s: float | None = parameter(
        None,
        between(0, 86_400),
        doc="seconds from the signal to the kill. null = the grace that the service gives every run",
    )


@dataclass(frozen=True)
class Command:
    """Any other training program. It runs as it is, without a shell.

    `argv`, `cwd` and `env` may hold placeholders. `{output_dir}` is the run's folder for everything that the program
    writes, and `{run_dir}` is another name for it. `{config_name}`, `{train_data_dir}`, `{val_data_dir}`,
    `{test_data_dir}` and `{model_name}` come from the start request. `{{` and `}}` stand for braces. A leading `~` is
    the home directory.
    """

    argv: tuple[str, ...] = parameter(
        MISSING, Length(1, error="must name a program"), doc="the program and its arguments"
    )
    cwd: str | None = parameter(None, doc="folder to run in, relative to the project's own folder. null = that folder")
    env: dict[str, str] = parameter({}, doc="environment variables of the program, in addition to the service's own")
    stop: CommandStop = parameter(CommandStop(), doc="how a stop ends the program")

    def placeholders(self) -> set[str]:
        """Return the names in braces that argv, cwd and env use, a subset of PLACEHOLDERS."""
        return {name for _, text in self._texts() for name in _BRACES.findall(text) if name}

    def fill(self, values: Mapping[str, str]) -> Command:
        """Return the command with each placeholder replaced by its value and a leading `~` by the home directory.

        `values` must hold all of `placeholders()`; braces and `~` inside a value stay as they are.
        """

        def filled(text: str) -> str:
            text = os.path.expanduser(text)
            return _BRACES.sub(lambda match: values[match[1]] if match[1] else match[0][0], text)

        return replace(
            self,
            argv=tuple(map(filled, self.argv)),
            cwd=None if self.cwd is None else filled(self.cwd),
            env={name: filled(value) for name, value in self.env.items()},
        )

    def problems(self) -> Iterator[tuple[str, str]]:
        for name, text in self._texts():
            for match in _BRACES.finditer(text):
                if match[0] not in ("{{", "}}") and match[1] not in PLACEHOLDERS:
                    known = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                    yield name, f'"{match[0]}" is not a placeholder; use {known}, and {{{{ }}}} for braces'
        if not self.argv[0].strip():
            yield "argv", "must begin with the name of a program"
        if self.cwd is not None and not self.cwd.strip():
            yield "cwd", "must name a folder, or be null"
        for name in self.env:
            if "=" in name or name in (RUN_DIR_VARIABLE, OUTPUT_DIR_VARIABLE):
                yield "env", f'"{name}" cannot be set'

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Yield each text that may hold placeholders, with the name of its setting."""
        for part in self.argv:
            yield "argv", part
        if self.cwd is not None:
            yield "cwd", self.cwd
        for value in self.env.values():
            yield "env", value
