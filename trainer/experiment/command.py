"""The `command` section: any other training program, what it is given, and how a stop ends it. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, replace
from pathlib import Path
from typing import Literal

from marshmallow import ValidationError
from marshmallow.validate import Length

from trainer.experiment import placeholders, resume_arguments
from trainer.experiment.command_parameters import CommandParameter, text_of
from trainer.experiment.inline_code import inline_code
from trainer.experiment.placeholders import PLACEHOLDERS, RESUME_DIR
from trainer.experiment.schema import between, parameter
from trainer.experiment.strict_fields import Scalar
from trainer.experiment.suggestions import explain_unknown
from trainer.rundir import OUTPUT_DIR_VARIABLE, RUN_DIR_VARIABLE

StopSignal = Literal["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]

MAX_PARAMETERS = 200

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


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
    `{test_data_dir}` and `{model_name}` come from the start request, and so do the command's own `parameters`. An
    argument such as `{amp?--amp}` is given only if the boolean parameter `amp` is true. `{{` and `}}` stand for braces.
    A leading `~` is the home directory.
    """

    argv: tuple[str, ...] = parameter(
        MISSING, Length(1, error="must name a program"), doc="the program and its arguments"
    )
    cwd: str | None = parameter(None, doc="folder to run in, relative to the service's home folder. null = that folder")
    env: dict[str, str] = parameter({}, doc="environment variables of the program, in addition to the service's own")
    parameters: dict[str, CommandParameter] = parameter(
        {},
        Length(max=MAX_PARAMETERS, error=f"must have at most {MAX_PARAMETERS} entries"),
        doc="values that a start may set, by name. Each is a placeholder",
    )
    resume: tuple[str, ...] | None = parameter(
        None,
        Length(1, error="must have at least one argument, or be null"),
        doc="arguments that are added when a run is resumed. {resume_dir} is the output folder of the earlier run. null"
        " = runs cannot be resumed",
    )
    gpus: int | None = parameter(
        None,
        between(0, 1024),
        doc="number of GPUs that the program sees (CUDA_VISIBLE_DEVICES). null = a share of the machine's GPUs, divided"
        " by the number of runs that may be active",
    )
    stop: CommandStop = parameter(CommandStop(), doc="how a stop ends the program")

    def placeholders(self) -> set[str]:
        """Return the names in braces that the command uses."""
        return {name for _, text in self._texts() for name in placeholders.names(text)}

    def values(self) -> dict[str, Scalar]:
        """Return the parameters' values, by name."""
        return {name: each.default for name, each in self.parameters.items()}

    def fill(
        self, values: Mapping[str, str], resume_dir: Path | None = None, find: Callable[[str], Path] = Path
    ) -> Command:
        """Return the command with each placeholder replaced by its value and a leading `~` by the home directory.

        `values` must hold all of `placeholders()` but the command's own parameters. `resume_dir` is the output folder
        of the run to resume: then the arguments of `resume` are added, with the paths that `find` returns for theirs.
        """
        known = {**values, **{name: text_of(value) for name, value in self.values().items()}}
        argv = [placeholders.fill(text, known) for text in self._given(self.argv)]
        if resume_dir is not None:
            given = self._given(self.resume or ())
            argv += [resume_arguments.fill(text, known, resume_dir, find) for text in given]
        return replace(
            self,
            argv=tuple(argv),
            cwd=None if self.cwd is None else placeholders.fill(self.cwd, known),
            env={name: placeholders.fill(value, known) for name, value in self.env.items()},
        )

    def _given(self, arguments: Sequence[str]) -> Iterator[str]:
        """Yield the arguments, with the text of each flag whose parameter is true, without the other flags."""
        for text in arguments:
            flag = placeholders.as_flag(text)
            if flag is None:
                yield text
            elif self.parameters[flag.name].default is True:
                yield flag.text

    def override(self, overrides: Mapping[str, object]) -> tuple[Command, dict[str, list[str]]]:
        """Return the command with other values of its parameters, and errors by name."""
        changed, errors = dict(self.parameters), {}
        for name, value in overrides.items():
            try:
                changed[name] = self._overridden(name, value)
            except ValidationError as error:
                errors[name] = [str(message) for message in error.messages]
        return replace(self, parameters=changed), errors

    def _overridden(self, name: str, value: object) -> CommandParameter:
        declared = self.parameters.get(name)
        if declared is None:
            raise ValidationError(self._explain_unknown(name))
        read = declared.read(value)
        if declared.is_free_text and self.reads_as_option(name, str(read)):
            raise ValidationError("must not begin with -, because the program would take it for an option")
        return replace(declared, default=read)

    def _explain_unknown(self, name: str) -> str:
        if self.parameters:
            return explain_unknown(name, list(self.parameters))
        return "is not a parameter, and the command of this experiment has none (command.parameters declares them)"

    def reads_as_option(self, name: str, value: str) -> bool:
        """Whether the program would take a value for an option, because an argument begins with its placeholder."""
        arguments = (*self.argv[1:], *(self.resume or ()))
        return value.startswith("-") and any(placeholders.first_name(text) == name for text in arguments)

    def problems(self) -> Iterator[tuple[str, str]]:
        known = tuple(dict.fromkeys((*PLACEHOLDERS, *self.parameters)))
        for name, text in self._texts():
            if not self._is_flag(name, text):
                for message in placeholders.problems(text, (*known, RESUME_DIR) if name == "resume" else known):
                    yield name, message
        if not self.argv[0].strip():
            yield "argv", "must begin with the name of a program"
        if self.cwd is not None and not self.cwd.strip():
            yield "cwd", "must name a folder, or be null"
        for name in self.env:
            if "=" in name or name in (RUN_DIR_VARIABLE, OUTPUT_DIR_VARIABLE):
                yield "env", f'"{name}" cannot be set'
        for text in self.resume or ():
            if problem := resume_arguments.problem(text):
                yield "resume", problem
        yield from self._parameter_problems()

    def _is_flag(self, setting: str, text: str) -> bool:
        """Whether a text is a flag of one of the parameters, in a place where an argument may be missing."""
        flag = placeholders.as_flag(text)
        declared = self.parameters.get(flag.name) if flag is not None else None
        is_boolean = declared is not None and isinstance(declared.default, bool)
        return is_boolean and setting in ("argv", "resume") and text != self.argv[0]

    def _parameter_problems(self) -> Iterator[tuple[str, str]]:
        used = self.placeholders()
        for name, each in self.parameters.items():
            path = f"parameters.{name}"
            if name in (*PLACEHOLDERS, RESUME_DIR):
                yield path, f"must have another name, because the service fills in {{{name}}}"
            elif not _NAME.fullmatch(name):
                yield path, "must have a name of letters, digits and _ . - that begins with a letter or _"
            elif name not in used:
                yield path, f"has no effect; put {{{name}}} into argv, cwd, env or resume"
            elif each.is_free_text:
                yield from ((path, f"{what}; give it choices{other}") for what, other in self._code_with(name))

    def _code_with(self, name: str) -> Iterator[tuple[str, str]]:
        """Say where a text that any start may set would decide which program or code runs."""
        if name in placeholders.names(self.argv[0]) | placeholders.names(self.cwd or ""):
            yield "would let a start run any program", ""
        plain = [flag.text if (flag := placeholders.as_flag(text)) else text for text in self.argv]
        if any(name in placeholders.names(code) for code in inline_code(plain)):
            argument = f'pass it as an argument, like [sh, -c, \'train.py --name "$1"\', sh, "{{{name}}}"]'
            yield "would let a start add code to a script", f", or {argument}"

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Yield each text that may hold placeholders, with the name of its setting."""
        for part in self.argv:
            yield "argv", part
        if self.cwd is not None:
            yield "cwd", self.cwd
        for value in self.env.values():
            yield "env", value
        for part in self.resume or ():
            yield "resume", part
