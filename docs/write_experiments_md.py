"""Write the generated part of docs/experiments.md: `python -m docs.write_experiments_md`.

The part above MARKER is written by hand. The part below lists every parameter and what a resume may change.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from trainer.experiment.experiment import Experiment
from trainer.experiment.resumable import BETWEEN_EPOCHS, MUST_STAY, NULL_STAYS

TARGET = Path(__file__).with_name("experiments.md")

MARKER = "<!-- Everything below is written by `python -m docs.write_experiments_md`. -->\n"

RESUME = """
## Resuming a run

A resumed run may change every parameter except these. A start that changes one of them is refused.

- {must_stay} must stay.
- {between_epochs} must stay if the run stopped within an epoch.
- {null_stays} may change from one number to another, but not to or from null.

All other parameters take effect from the next batch on. With another `checkpoint.monitor` the best epoch is chosen
again from the two checkpoints that are kept, the best and the last. With other values of `early_stopping` the epochs of
the earlier run are counted again by these values. The classes must stay the same. Images may be added between epochs.
"""

TABLE = "| parameter | default | meaning |\n|---|---|---|\n"


def page() -> str:
    """Return the whole document, with its part generated from the current code."""
    by_hand = TARGET.read_text(encoding="utf-8").partition(MARKER)[0]
    top = "\n".join(_row(each, "") for each in fields(Experiment) if not is_dataclass(_type(Experiment, each)))
    parameters = f"\n## Parameters\n\n{TABLE}{top}\n" + "".join(_sections(Experiment, ""))
    return by_hand + MARKER + _resume() + parameters


def _resume() -> str:
    def listed(parameters: frozenset[str]) -> str:
        return ", ".join(f"`{path}`" for path in sorted(parameters))

    return RESUME.format(
        must_stay=listed(MUST_STAY), between_epochs=listed(BETWEEN_EPOCHS), null_stays=listed(NULL_STAYS)
    )


def _sections(cls: type[Any], prefix: str) -> Iterator[str]:
    for each in fields(cls):
        section: type[Any] = _type(cls, each)
        if not is_dataclass(section):
            continue
        path = f"{prefix}{each.name}.NAME" if _is_named(cls, each) else prefix + each.name
        rows = [
            _row(f, f"{path}.") for f in fields(section) if not is_dataclass(_type(section, f)) or _is_named(section, f)
        ]
        doc = inspect.cleandoc(section.__doc__ or "")
        yield f"\n### {path}\n\n{doc}\n\n{TABLE}" + "\n".join(rows) + "\n"
        yield from _sections(section, f"{path}.")


def _type(cls: type[Any], each: Field[Any]) -> Any:
    hint = get_type_hints(cls)[each.name]
    inner = [part for part in getattr(hint, "__args__", ()) if is_dataclass(part)]
    return inner[0] if inner else hint


def _is_named(cls: type[Any], each: Field[Any]) -> bool:
    """Whether the field holds sections by names that the author of the file chooses."""
    return get_origin(get_type_hints(cls)[each.name]) is dict


def _row(each: Field[Any], prefix: str) -> str:
    meaning = f"{each.metadata['doc']}{_checks(each)}".replace("|", "\\|")
    return f"| `{prefix}{each.name}` | {_default(each)} | {meaning} |"


def _checks(each: Field[Any]) -> str:
    errors = [error for check in each.metadata["checks"] if (error := getattr(check, "error", None))]
    requirements = [error.removeprefix("must be ") for error in errors]
    return f" ({'; '.join(requirements)})" if requirements else ""


def _default(each: Field[Any]) -> str:
    if each.default is MISSING and each.default_factory is MISSING:
        return "required"
    value = each.default if each.default is not MISSING else {}
    return f"`{json.dumps(value)}`"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
