"""The parameters of a `command`: values that a start may set, with type, rule and meaning. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import fields as mm
from marshmallow.validate import Length, OneOf, Range, Validator

from trainer.experiment.schema import parameter
from trainer.experiment.strict_fields import FIELDS, KINDS, Scalar, messages_of

_INT64 = Range(-(2**63), 2**63 - 1, error="must be a whole number of 64 bits")


@dataclass(frozen=True)
class CommandParameter:
    """A value that a start may set by `overrides: {"NAME": value}`, for the placeholder `{NAME}`.

    The default sets the type: 3 is an integer, 3.0 a number, true a boolean, "a" a string. A value alone is short for
    `{default: value}`. The program gets true and false, whole numbers as they are, and other numbers as Python writes
    them: 0.001, 1e-05, 3.0.
    """

    SHORT_FORM: ClassVar[str] = "default"

    default: Scalar = parameter(doc="the value without an override. It sets the type")
    min: Scalar | None = parameter(None, doc="the lowest value of a number. null = any")
    max: Scalar | None = parameter(None, doc="the highest value of a number. null = any")
    choices: tuple[Scalar, ...] = parameter(
        (), Length(max=100, error="must have at most 100 values"), doc="the only values of a number or string"
    )
    doc: str = parameter("", Length(max=1_000, error="must have at most 1,000 characters"), doc="what it means")

    def problems(self) -> Iterator[tuple[str, str]]:
        found = list(self._misfits())
        if not found and self.min is not None and self.max is not None and self.min > self.max:  # type: ignore[operator]
            found = [("min", "must not be above max")]
        if not found and len(set(self.choices)) < len(self.choices):
            found = [("choices", "must differ from each other")]
        yield from found or (("default", message) for message in messages_of(self._field(*self._rules()), self.default))

    def _misfits(self) -> Iterator[tuple[str, str]]:
        """Yield a message for every bound and choice that does not fit the type of the default."""
        kind = type(self.default)
        bounds = {name: value for name in ("min", "max") if (value := getattr(self, name)) is not None}
        choices = {f"choices.{index}": value for index, value in enumerate(self.choices)}
        if kind not in (int, float):
            yield from ((name, f"is only for a number, but the default is a {KINDS[kind]}") for name in bounds)
            bounds = {}
        if kind is bool and choices:
            yield "choices", "is only for a number or a string, but the default is a boolean"
            choices = {}
        for name, value in {**bounds, **choices}.items():
            yield from ((name, f"{message}, as the default is one") for message in messages_of(self._field(), value))

    def _field(self, *rules: Validator) -> mm.Field[Any]:
        return FIELDS[type(self.default)](validate=rules)

    def _rules(self) -> list[Validator]:
        rules: list[Validator] = [_INT64] if type(self.default) is int else []
        if self.min is not None or self.max is not None:
            rules.append(Range(self.min, self.max, error=f"must be {_range(self.min, self.max)}"))
        if self.choices:
            rules.append(OneOf(self.choices, error=f"must be one of: {', '.join(map(text_of, self.choices))}"))
        return rules

    def read(self, value: object) -> Scalar:
        """Return a value of a start in the parameter's type. Raises ValidationError with what would be right."""
        read: Scalar = self._field(*self._rules()).deserialize(value)
        return read

    @property
    def is_free_text(self) -> bool:
        return isinstance(self.default, str) and not self.choices

    def describe(self, name: str) -> dict[str, Any]:
        """Describe the parameter as trainer.experiment.describe does."""
        rules: list[Any] = [rule for rule in self._rules() if rule is not _INT64]
        is_choice = bool(self.choices) and isinstance(self.default, str)
        return {
            "path": name,
            "kind": "choice" if is_choice else KINDS[type(self.default)],
            "choices": list(self.choices) or None,
            "optional": False,
            "default": self.default,
            "meaning": self.doc,
            "must": "; ".join(rule.error for rule in rules) or None,
        }


def text_of(value: Scalar) -> str:
    """Write a value as the program gets it: true, 3, 0.001, or the text itself."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def _range(low: Scalar | None, high: Scalar | None) -> str:
    if low is None:
        return f"at most {high:,}"
    return f"at least {low:,}" if high is None else f"from {low:,} to {high:,}"
