"""Record the tensors that the modules of a network return during a forward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Place(NamedTuple):
    """Where a tensor appears in a pass: tensor number `output` of call number `call` of `module`."""

    module: str
    call: int
    output: int


@dataclass(frozen=True)
class Recorded:
    """A tensor that a module returned."""

    place: Place
    module: nn.Module
    given: Tensor | None
    """The first tensor that the module took."""
    returned: Tensor
    """A copy, because a later activation may change the tensor in place."""
    original: Tensor


def record(network: nn.Module, images: Tensor) -> tuple[Tensor, list[Recorded]]:
    """Run `network`, in eval mode, and return its logits and all tensors in the order in which modules return them."""
    found: list[Recorded] = []

    def keep(name: str, call: int, module: nn.Module, given: object, returned: object) -> None:
        first = next(tensors_in(given), None)
        for index, each in enumerate(tensors_in(returned)):
            found.append(Recorded(Place(name, call, index), module, first, each.clone(), each))

    with torch.no_grad(), _watching(dict(network.named_modules()), keep):
        logits: Tensor = network(images)
    return logits, found


@contextmanager
def capture(network: nn.Module, places: set[Place]) -> Iterator[dict[Place, Tensor]]:
    """Fill the yielded dict with the tensors at `places` while `network` runs. An export can trace that."""
    found: dict[Place, Tensor] = {}

    def keep(name: str, call: int, _: nn.Module, given: object, returned: object) -> None:
        for index, each in enumerate(tensors_in(returned)):
            if (place := Place(name, call, index)) in places:
                found[place] = each

    names = {place.module for place in places}
    with _watching({name: module for name, module in network.named_modules() if name in names}, keep):
        yield found


Keep = Callable[[str, int, nn.Module, object, object], None]
"""Takes the name of a module, the number of its call, the module, its arguments and its output."""


@contextmanager
def _watching(modules: dict[str, nn.Module], keep: Keep) -> Iterator[None]:
    calls: Counter[str] = Counter()

    def hook(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def returned(module: nn.Module, given: Any, output: Any) -> None:
            keep(name, calls[name], module, given, output)
            calls[name] += 1

        return returned

    handles = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    try:
        yield
    finally:
        for each in handles:
            each.remove()


def tensors_in(value: object) -> Iterator[Tensor]:
    """Yield the floating-point tensors in the arguments or the output of a module."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, Mapping):
        yield from tensors_in(tuple(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors_in(each)
