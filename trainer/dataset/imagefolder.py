"""Folders of images: one folder per class, with image files anywhere below it. Standard library only."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trainer.dataset.formats import ending, is_image

LEFTOVERS = frozenset(
    {
        "@eadir",
        "@tmp",
        "@sharebin",
        "#recycle",
        "#snapshot",
        "@recycle",
        "@recently-snapshot",
        "@__thumb",
        "__macosx",
        "__pycache__",
        "$recycle.bin",
        "recycler",
        "recycled",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
        "thumbs.db",
        "thumbs.db:encryptable",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        "picasa.ini",
        "icon\r",
    }
)
"""Files and folders, in lower case, that NAS devices and operating systems leave in shared folders."""


@dataclass(frozen=True)
class Problem:
    """A file or folder that cannot be read, and why."""

    path: Path
    reason: str


@dataclass
class Contents:
    """The contents of a folder, without hidden files and LEFTOVERS."""

    images: list[Path] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    """Files that are not images by their extension."""
    folders: list[Path] = field(default_factory=list)
    repeated: list[Path] = field(default_factory=list)
    """Links to folders that were read before, or that contain the link. They are not read again."""
    problems: list[Problem] = field(default_factory=list)

    def add(self, other: Contents) -> None:
        for own, others in zip(vars(self).values(), vars(other).values(), strict=True):
            own += others


def list_folder(folder: Path) -> Contents:
    """List the entries of `folder`, sorted by name. A folder that cannot be read is the only problem."""
    found = Contents()
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if not is_leftover(entry.name):
                    _sort_in(entry, folder / entry.name, found)
    except FileNotFoundError as error:
        return Contents(problems=[Problem(folder, _lost_link(folder) if folder.is_symlink() else reason(error))])
    except OSError as error:
        return Contents(problems=[Problem(folder, reason(error))])
    return found


def _sort_in(entry: os.DirEntry[str], path: Path, found: Contents) -> None:
    try:
        if entry.is_dir():
            found.folders.append(path)
        elif is_image(entry.name):
            found.images.append(path)
        elif entry.is_symlink() and not ending(entry.name) and not os.path.exists(path):
            # It may lead to a folder of images on a disk that is not mounted.
            found.problems.append(Problem(path, _lost_link(path)))
        else:
            found.ignored.append(path)
    except OSError as error:
        found.problems.append(Problem(path, reason(error)))


def _lost_link(path: Path) -> str:
    return f"a link to {readable(os.readlink(path))}, which does not exist"


def contents(folder: Path) -> Contents:
    """Collect the contents of `folder` and of all folders below it, as `walk` finds them."""
    whole = Contents()
    for part in walk(folder):
        whole.add(part)
    return whole


def walk(folder: Path) -> Iterator[Contents]:
    """Yield the contents of `folder` and of each folder below it, parents first.

    Follows links, but reads no folder twice and no folder that contains `folder`.
    """
    seen = {_identity(parent) for parent in folder.absolute().parents}
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        identity = _identity(path)
        if identity in seen:
            yield Contents(repeated=[path])
            continue
        if identity is not None:
            seen.add(identity)
        found = list_folder(path)
        waiting += reversed(found.folders)
        yield found


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def holds_images(folder: Path) -> bool:
    """Whether `folder` or a folder below it holds an image. Stops at the first one."""
    return any(part.images for part in walk(folder))


def is_empty(folder: Path) -> bool:
    """Whether `folder` and all folders below it hold no file, readable or not. Stops at the first one."""
    return not any(part.images or part.ignored or part.problems for part in walk(folder))


def holds_classes(folder: Path) -> bool:
    """Whether a class folder of `folder` holds an image."""
    return any(holds_images(each) for each in list_folder(folder).folders)


def count_endings(files: Iterable[Path]) -> dict[str, int]:
    """Count files by extension as written, the most frequent first."""
    return dict(Counter(ending(each.name) for each in files).most_common())


def is_leftover(name: str) -> bool:
    """Whether a file or folder is hidden or one of LEFTOVERS."""
    return name.startswith(".") or name.lower() in LEFTOVERS


def name_problem(name: str) -> str | None:
    """Say why a class folder cannot have this name, or return None. Reports and models need one line of text."""
    if "\ufffd" in readable(name):
        return "its name is not valid UTF-8; rename the folder"
    if any(unicodedata.category(each) in ("Cc", "Zl", "Zp") for each in name):
        return "its name contains control characters, such as a tab or a newline; rename the folder"
    return None


def readable(name: str) -> str:
    """Return a file name as valid text, with undecodable bytes replaced."""
    return os.fsencode(name).decode("utf-8", "replace")


def reason(error: OSError) -> str:
    return error.strerror or str(error)
