"""Prepare the digits dataset: `python -m trainer.digits [DEST]`, by default data/digits.

scikit-learn contains 1,797 handwritten digits of 8x8 grey pixels, so nothing is downloaded. This writes them to
DEST/{train,val,test}/{0..9}/NUMBER.png, about 70/15/15%, stratified, and always with the same split.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

SPLIT_SEED = 0
SHARE_OF_VAL_AND_TEST = 0.15
NUM_IMAGES = 1797
_IMAGE = re.compile(r"(train|val|test)/[0-9]/[0-9]{4}\.png")


def prepare(dest: Path) -> bool:
    """Make the dataset at `dest` unless it is complete. Return True if it was made.

    It appears in one step, so a reader never sees a part of it. An incomplete dataset is replaced. Raises
    FileExistsError if `dest` holds anything else, which would be lost.
    """
    if len(list(dest.glob("*/[0-9]/*.png"))) == NUM_IMAGES:
        return False
    if dest.exists() and (foreign := _find_foreign(dest)) is not None:
        raise FileExistsError(f"{dest} holds other files, such as {foreign}. Name a new folder.")
    dest.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{dest.name}.", dir=dest.parent) as folder:
        made = Path(folder) / "made"
        _write_images(made)
        if dest.exists():
            dest.replace(Path(folder) / "old")
        made.replace(dest)
    return True


def _find_foreign(dest: Path) -> Path | None:
    """Find a file that does not belong to the dataset."""
    if not dest.is_dir():
        return dest
    files = (path for path in dest.rglob("*") if path.is_symlink() or not path.is_dir())
    return next((path for path in files if not _IMAGE.fullmatch(path.relative_to(dest).as_posix())), None)


def _write_images(folder: Path) -> None:
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]
    from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

    images, labels = load_digits(return_X_y=True)  # images: (1797, 64) float, 0..16
    numbers = np.arange(NUM_IMAGES)
    held_out = round(NUM_IMAGES * SHARE_OF_VAL_AND_TEST)
    rest, test = train_test_split(numbers, test_size=held_out, stratify=labels, random_state=SPLIT_SEED)
    train, val = train_test_split(rest, test_size=held_out, stratify=labels[rest], random_state=SPLIT_SEED)
    for split, members in (("train", train), ("val", val), ("test", test)):
        for number in members:
            path = folder / split / str(labels[number]) / f"{number:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.round(images[number] * (255 / 16)).astype(np.uint8).reshape(8, 8)
            Image.fromarray(pixels).save(path)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m trainer.digits", description="Prepare the digits dataset.")
    parser.add_argument("dest", nargs="?", type=Path, default=Path("data/digits"), help="default: %(default)s")
    dest: Path = parser.parse_args(arguments).dest
    try:
        made = prepare(dest)
    except OSError as error:
        parser.error(str(error))
    print(f"{dest}: {NUM_IMAGES:,} images in train, val and test, {'written' if made else 'already there'}")


if __name__ == "__main__":
    main()
