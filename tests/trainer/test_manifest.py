"""What run.json says about a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.manifest import dataset_name


@pytest.mark.parametrize(
    ("dataset", "folders", "expected"),
    [
        ("pets", ["/other/train"], "pets"),
        (None, ["/data/pets/train", "/data/birds/val"], "pets"),
        (None, [None, None, "/data/pets/test/"], "pets"),
        (None, ["/data/birds/../pets/train"], "pets"),
        (None, ["/train"], None),
        (None, [None, None, None], None),
    ],
)
def test_a_dataset_has_its_name_or_that_of_its_folder(
    dataset: str | None, folders: list[str | None], expected: str | None
) -> None:
    assert dataset_name(dataset, folders) == expected


def test_a_linked_dataset_has_the_name_of_the_link(tmp_path: Path) -> None:
    (tmp_path / "disk7" / "train").mkdir(parents=True)
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets" / "train").symlink_to(tmp_path / "disk7" / "train")
    assert dataset_name(None, [str(tmp_path / "pets" / "train")]) == "pets"
