"""Divide a folder of class folders into train, val and test: `python -m trainer.split data/flat`.

Overwrites nothing. The same images, shares and seed give the same splits.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from trainer.dataset.imagefile import content_digest, read_content
from trainer.dataset.imagefolder import contents, readable
from trainer.dataset.invalid import DataInvalid
from trainer.dataset.splits import find_layout
from trainer.dataset.threads import in_threads
from trainer.preparation.images import Split, find_split
from trainer.preparation.stratify import complete


class SplitRefused(ValueError):
    """The folder cannot be divided, or the target exists. The message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    target = options.to or options.folder.absolute().with_name(f"{options.folder.absolute().name}-split")
    try:
        _refuse(options.folder, target, options.val + options.test)
        splits = make_splits(options.folder, {"val": options.val, "test": options.test}, options.seed)
        write_splits(splits, target, HOW[options.how])
    except (SplitRefused, DataInvalid, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.how == "move":
        _remove_empty(options.folder)
    for name, split in splits.items():
        print(f"{name}: {len(split):,} images in {readable(str(target / name))}")
    _print_ignored(options.folder)
    return 0


def make_splits(folder: Path, shares: dict[str, float], seed: int) -> dict[str, Split]:
    """Divide the images of the class folders in `folder`. Raises DataInvalid if they are too few or unreadable."""
    whole = find_split("folder", folder)
    digests = in_threads(lambda i: content_digest(read_content(whole.paths[i])), len(whole), lambda *_: None)
    return complete({"train": whole}, shares, seed, digests)


def write_splits(splits: dict[str, Split], target: Path, place: Callable[[Path, Path], object]) -> None:
    """Place every image at TARGET/SPLIT/CLASS/NAME. The target appears in one step."""
    unfinished = target.with_name(f".{target.name}.part")
    try:
        unfinished.mkdir(parents=True)
    except FileExistsError:
        raise SplitRefused(f"{unfinished} is left from an unfinished attempt: check and remove it") from None
    for name, split in splits.items():
        for path in split.paths:
            copy = unfinished / name / path.relative_to(split.path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            place(path, copy)
    unfinished.rename(target)


def _link(path: Path, place: Path) -> None:
    place.symlink_to(path.absolute())


HOW: dict[str, Callable[[Path, Path], object]] = {"copy": shutil.copy2, "link": _link, "move": shutil.move}


def _refuse(folder: Path, target: Path, share: float) -> None:
    layout = find_layout(folder)
    if layout.folders:
        names = ", ".join(readable(path.name) for path in layout.folders.values())
        raise SplitRefused(f"{folder} already has splits ({names}): a training makes missing ones itself")
    if os.path.lexists(target):
        raise SplitRefused(f"{target} already exists: remove it, or choose another folder with --to")
    if target.absolute().is_relative_to(folder.absolute()):
        raise SplitRefused(f"{target} is inside the folder to divide: choose another folder with --to")
    if share > 0.95:
        raise SplitRefused("--val and --test are more than 0.95 together: leave some images for train")


def _remove_empty(folder: Path) -> None:
    for parent, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # It is not empty.
            os.rmdir(parent)


def _print_ignored(folder: Path) -> None:
    ignored = len(contents(folder).ignored)
    if ignored:
        print(
            "skipped 1 file that is not an image" if ignored == 1 else f"skipped {ignored:,} files that are not images"
        )


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError("must be from 0 to less than 1")
    return share


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    description = "Divide a folder of class folders into train, val and test."
    parser = argparse.ArgumentParser(prog="python -m trainer.split", description=description)
    parser.add_argument("folder", type=Path, help="holds CLASS/IMAGE")
    parser.add_argument("--to", type=Path, metavar="DIR", help="the new dataset; default: FOLDER-split")
    parser.add_argument("--val", type=_share, default=0.15, metavar="SHARE", help="of each class; default: 0.15")
    parser.add_argument("--test", type=_share, default=0.15, metavar="SHARE", help="of each class; default: 0.15")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="for the random choice; default: 0")
    parser.add_argument("--how", choices=list(HOW), default="copy", help="what to do with the images; default: copy")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
