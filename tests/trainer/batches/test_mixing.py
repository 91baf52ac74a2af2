from __future__ import annotations

import pytest
import torch

from trainer.batches.mixing import mix
from trainer.experiment.data import Mixing

LABELS = torch.arange(16)


def images_by_label() -> torch.Tensor:
    """Return images whose pixels are all their label, so that a mixed image shows its parts."""
    return LABELS.float().reshape(-1, 1, 1, 1).expand(-1, 3, 8, 8).contiguous()


def test_without_mixing_a_batch_does_not_change() -> None:
    images = images_by_label()
    mixed = mix(images, LABELS, Mixing())
    assert mixed.images is images
    assert mixed.labels is LABELS
    assert mixed.share == 1


@pytest.mark.parametrize("settings", [Mixing(mixup_alpha=0.4), Mixing(cutmix_alpha=1.0), Mixing(1.0, 1.0)])
def test_labels_are_mixed_in_the_proportion_of_the_images(settings: Mixing) -> None:
    torch.manual_seed(0)
    for _ in range(50):
        images = images_by_label()
        mixed = mix(images, LABELS, settings)
        assert torch.equal(images, images_by_label())
        assert 0.5 <= mixed.share <= 1
        assert torch.equal(mixed.labels, LABELS)
        expected = mixed.share * mixed.labels + (1 - mixed.share) * mixed.other_labels
        assert torch.allclose(mixed.images.mean((1, 2, 3)), expected, atol=1e-4)


def is_cut(images: torch.Tensor) -> bool:
    return torch.equal(images, images.round())


def test_with_both_enabled_the_seed_chooses_one_for_each_batch() -> None:
    torch.manual_seed(0)
    cut = [is_cut(mix(images_by_label(), LABELS, Mixing(1.0, 1.0)).images) for _ in range(60)]
    assert 15 < sum(cut) < 45
    torch.manual_seed(0)
    assert [is_cut(mix(images_by_label(), LABELS, Mixing(1.0, 1.0)).images) for _ in range(60)] == cut


@pytest.mark.parametrize(("settings", "cuts"), [(Mixing(mixup_alpha=1.0), False), (Mixing(cutmix_alpha=1.0), True)])
def test_with_one_enabled_each_batch_uses_it(settings: Mixing, cuts: bool) -> None:
    torch.manual_seed(1)
    assert all(is_cut(mix(images_by_label(), LABELS, settings).images) is cuts for _ in range(10))
