"""The parameter `model.pretrained`: a name on the hub, or the path of a folder."""

from __future__ import annotations

import os


def is_missing_folder(source: str) -> bool:
    """Whether `source` is a path, and not a name on the hub, and leads to no folder."""
    return source.startswith((".", "/", "~")) and not os.path.isdir(os.path.expanduser(source))
