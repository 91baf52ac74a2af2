"""Random experiments of a command: each is refused with its mistakes, or survives a round trip and can be launched."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

from trainer.experiment import experiment, strict_yaml
from trainer.experiment.describe import describe_parameters
from trainer.experiment.experiment import Experiment, ExperimentInvalid
from trainer.experiment.placeholders import PLACEHOLDERS

NUM_EXPERIMENTS = 500

VALID: dict[str, Any] = {
    "command": {
        "argv": ["program", "{a}", "--b={b}", "{c?--c}"],
        "parameters": {"a": 1, "b": {"default": 0.5, "min": 0, "max": 9}, "c": True},
        "resume": ["--resume", "{resume_dir}/x*"],
    },
    "metrics": {"files": ["a.csv"], "columns": {"a": "b"}, "better": {"b": "lower"}},
    "log": {"patterns": ["(?P<a>x)"]},
    "models": {"files": ["*.pt"]},
}
VALUES = (
    *(None, True, False, -1, 0, 3, 2**63, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan"), [], {}, [[]]),
    *(
        "",
        " ",
        "x",
        "-x",
        "{",
        "{a}",
        "{{a}}",
        "{resume_dir}/a*",
        "{resume_dir}/{a}",
        "{c?x}",
        "{output_dir}",
        "a\0b",
        "\ud800",
    ),
    *("../x", "/x", "~/a", "**", "(?P<a>x)", "(?P<é>x)", "(", "(" * 2000, "é\n", "lower", ["{b}"]),
    *({"default": 1}, {"default": "a", "choices": ["a", "b"]}, {"default": 1, "min": 0, "max": 9}, {"a": 1}),
)
NAMES = ("a", "b", "c.d", "default", "min", "choices", "files", "output_dir", "stop", "env", "cwd", "", "\ud800")


class Mutation:
    """A random change of VALID, and overrides for it. A seed reproduces it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.content = copy.deepcopy(VALID)
        for _ in range(self._random.randint(0, 3)):
            self._change(self.content[self._random.choice(list(VALID))])
        names = self._random.choices((*NAMES, "command.argv"), k=self._random.randint(0, 2))
        self.overrides = {name: self._value() for name in names}

    def _change(self, section: dict[str, Any]) -> None:
        name = self._random.choice((*section, *NAMES))
        inner = section.get(name)
        if isinstance(inner, dict) and self._random.random() < 0.7:
            self._change(inner)
        else:
            section[name] = self._value()

    def _value(self) -> Any:
        if self._random.random() < 0.7:
            return copy.deepcopy(self._random.choice(VALUES))
        if self._random.random() < 0.5:
            return [self._value() for _ in range(self._random.randint(0, 3))]
        return {self._random.choice(NAMES): self._value() for _ in range(self._random.randint(0, 3))}


def parse(mutation: Mutation) -> Experiment | ExperimentInvalid:
    try:
        return experiment.parse(mutation.content, mutation.overrides)
    except ExperimentInvalid as error:
        return error


def test_a_random_experiment_is_refused_or_can_be_launched() -> None:
    num_valid = 0
    for seed in range(NUM_EXPERIMENTS):
        loaded = parse(Mutation(seed))
        if isinstance(loaded, ExperimentInvalid):
            assert loaded.errors, seed
            assert "\n" not in str(loaded), seed
            continue
        num_valid += 1
        assert experiment.parse(experiment.dump(loaded)) == loaded, seed
        assert experiment.parse(strict_yaml.parse(experiment.to_yaml(loaded))) == loaded, seed
        json.dumps([experiment.dump(loaded), describe_parameters(loaded)], allow_nan=False)
        assert loaded.command is not None
        filled = loaded.command.fill(dict.fromkeys(PLACEHOLDERS, "v"), Path("/o"), lambda path: Path("/o", path))
        "\0".join(filled.argv).encode()
    assert num_valid > NUM_EXPERIMENTS / 20
