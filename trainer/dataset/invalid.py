"""The exception for images that cannot be used."""

from __future__ import annotations


class DataInvalid(ValueError):
    """The images cannot be trained on. The message says why and what to do."""
