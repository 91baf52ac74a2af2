"""Inspections that the check and the trainings remember."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.trainings import write_images
from tests.waiting import wait_until
from trainer.dataset.imagefile import Depth, inspect
from trainer.dataset.remembered import RememberedInspections
from trainer.filestate import file_state


@pytest.mark.parametrize("garbage", [5, None, "x", [], [1], {"a": 1}, "digest", "depth"])
def test_a_corrupt_entry_is_one_image_to_inspect_again(tmp_path: Path, garbage: Any) -> None:
    folder = write_images(tmp_path / "pets", {"cat": 60}, counts=(2, 1, 1)) / "train"
    images, depth = sorted(folder.glob("cat/*")), next(iter(Depth))
    wait_until(lambda: all((state := file_state(image)) is not None and state.is_settled for image in images), 5)
    written = RememberedInspections(tmp_path / "cache", folder)
    seen = {image: inspect(image, depth) for image in images}
    for image in images:
        written.add(image, seen[image])
    written.save()
    [file] = (tmp_path / "cache").iterdir()
    entries = json.loads(file.read_text())
    if garbage in ("digest", "depth"):
        entries["cat/0.png"][5 if garbage == "digest" else 4] = garbage
    else:
        entries["cat/0.png"] = garbage
    file.write_text(json.dumps(entries))
    read = RememberedInspections(tmp_path / "cache", folder)
    found = read.find(images[1], depth)
    assert found is not None
    assert found.digest == seen[images[1]].digest
    assert read.find(images[0], depth) is None
