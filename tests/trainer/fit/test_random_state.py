from __future__ import annotations

import torch

from trainer.fit.random_state import random_state, restore_random_state

CPU = torch.device("cpu")


def test_random_values_continue_after_the_state_is_restored() -> None:
    state = random_state(CPU)
    expected = torch.rand(3)
    restore_random_state(state, CPU)
    assert torch.equal(torch.rand(3), expected)


def test_a_state_from_a_gpu_continues_the_values_of_the_cpu() -> None:
    state = torch.cat([random_state(CPU), torch.zeros(16, dtype=torch.uint8)])
    expected = torch.rand(3)
    restore_random_state(state, CPU)
    assert torch.equal(torch.rand(3), expected)
