"""A start request as it arrives, and the errors by which it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.runs.exceptions import InvalidStart
from trainer.dataset.splits import SPLITS

DIRECTORY_FIELDS = tuple(f"{split}_data_dir" for split in SPLITS)
TRAIN_FIELD = DIRECTORY_FIELDS[0]
MISSING = "Is missing."
NOT_GIVEN = ""
"""The value of a folder that the request does not name. Null means that there is no such folder."""

Errors = dict[str, list[str]]
"""Sentences by the request's field."""


@dataclass(frozen=True)
class StartRequest:
    """A well-formed request. Nothing in it has been checked against the disk."""

    config_name: str | None = None
    train_data_dir: str | None = NOT_GIVEN
    val_data_dir: str | None = NOT_GIVEN
    test_data_dir: str | None = NOT_GIVEN
    dataset: str | None = None
    model_name: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    resume_from: str | None = None
    gpus: int | None = None
    """None: the experiment says."""
    queue: bool = False
    """Whether the run may wait for its turn."""
    priority: int = 0

    def field_of(self, key: str) -> str:
        """Return the request's field that a parameter comes from: its override, or the parameter itself.

        The experiment as a whole, "", comes from `config_name`, or from the run that is resumed.
        """
        if not key:
            return "resume_from" if self.config_name is None else "config_name"
        return f"overrides.{key}" if key in self.overrides else key

    def by_field(self, errors: Mapping[str, list[str]]) -> Errors:
        """Return errors by parameter as errors by field."""
        return {self.field_of(key): texts for key, texts in errors.items()}


def invalid(errors: Errors, problem: str = "The run cannot be started") -> InvalidStart:
    """Make the exception whose message holds all errors."""
    found = [f"{name}: {text}" for name, texts in errors.items() for text in texts]
    joined = "; ".join([*(text.removesuffix(".") for text in found[:-1]), *found[-1:]])
    return InvalidStart(f"{problem}: {joined}", errors)
