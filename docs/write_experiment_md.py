"""Write docs/experiment.md from the settings themselves: `python -m docs.write_experiment_md`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from trainer.experiment.experiment import Experiment
from trainer.experiment.resumable import BETWEEN_EPOCHS, MUST_STAY, NULL_STAYS

TARGET = Path(__file__).with_name("experiment.md")

HEAD = """# The experiment file

YAML in `configs/experiment`, read strictly: an unknown key, a wrong type or a value out of range is refused with its
path before any process starts. The message names the setting that was probably meant (`optimizer.learning_rate` for
`lr`). YAML that programs read differently must be quoted: `yes`, `no`, `010`, `1_000`, `2026-01-01`. A start request
sets single values by the dotted paths below: `{"overrides": {"trainer.max_epochs": 3}}`; in a terminal
`--set trainer.max_epochs=3`. Each run keeps its experiment, with every default filled in, as `config.yaml`.

A file has either a `command` (any other training program) or the sections from `model` on. This page is written by
`python -m docs.write_experiment_md`.
"""


def page() -> str:
    """The whole document."""
    top = "\n".join(_row(each, "") for each in fields(Experiment) if not is_dataclass(_type(Experiment, each)))
    return HEAD + f"\n{TABLE}{top}\n" + "".join(_sections(Experiment, "")) + _resume()


TABLE = "| setting | default | meaning |\n|---|---|---|\n"


def _resume() -> str:
    def listed(settings: frozenset[str]) -> str:
        return ", ".join(f"`{path}`" for path in sorted(settings))

    return (
        "\n## Resuming a run\n\nA resumed run may change every setting except these. A start that changes one of them"
        f" is refused.\n\n- {listed(MUST_STAY)} must stay.\n- {listed(BETWEEN_EPOCHS)} must stay if the run"
        f" stopped within an epoch.\n- {listed(NULL_STAYS)} may change from one number to another, but not to or from"
        " null.\n\nAll others take effect from the next batch on. With another `checkpoint.monitor` the best epoch is"
        " chosen again from the two whose weights are left, the best and the last. With other values of"
        " `early_stopping` the epochs of the earlier run are counted again by these values. The classes must stay the"
        " same. Images may be added between epochs.\n"
    )


def _sections(cls: type[Any], prefix: str) -> Iterator[str]:
    for each in fields(cls):
        section: type[Any] = _type(cls, each)
        if not is_dataclass(section):
            continue
        path = prefix + each.name
        rows = [_row(f, f"{path}.") for f in fields(section) if not is_dataclass(_type(section, f))]
        doc = inspect.cleandoc(section.__doc__ or "")
        yield f"\n## {path}\n\n{doc}\n\n{TABLE}" + "\n".join(rows) + "\n"
        yield from _sections(section, f"{path}.")


def _type(cls: type[Any], each: Field[Any]) -> Any:
    hint = get_type_hints(cls)[each.name]
    inner = [part for part in getattr(hint, "__args__", ()) if is_dataclass(part)]
    return inner[0] if inner else hint


def _row(each: Field[Any], prefix: str) -> str:
    meaning = f"{each.metadata['doc']}{_checks(each)}".replace("|", "\\|")
    return f"| `{prefix}{each.name}` | {_default(each)} | {meaning} |"


def _checks(each: Field[Any]) -> str:
    errors = [error for check in each.metadata["checks"] if (error := getattr(check, "error", None))]
    said = [error.removeprefix("must be ") for error in errors]
    return f" ({'; '.join(said)})" if said else ""


def _default(each: Field[Any]) -> str:
    if each.default is MISSING and each.default_factory is MISSING:
        return "required"
    value = each.default if each.default is not MISSING else {}
    return f"`{json.dumps(value)}`"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
