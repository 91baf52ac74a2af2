"""Several processes that train together, a device each: how they meet, what they add up and what they agree on.

All of these functions are for all processes at the same point of the training; in one that is alone they do nothing.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from trainer.ddp.leader import Ranks
from trainer.request import Place, Request
from trainer.stopping import Stop, Stopped

LOOPBACK = "127.0.0.1"


class OneMachine(LightningEnvironment):
    """Tells Lightning that trainer.ddp.leader has started the processes, and which one this is."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def local_rank(self) -> int:
        return self._place.rank


def strategy_of(place: Place) -> Any:
    """Lightning's strategy."""
    if place.size == 1:
        return "auto"
    # A backbone may be frozen for some epochs, and not every network uses all its weights.
    return DDPStrategy(cluster_environment=OneMachine(place), find_unused_parameters=True)


@contextmanager
def leading(ranks: Ranks, request: Request, device: torch.device) -> Iterator[None]:
    """Train as one with `ranks`, who get `request`; they have ended when this ends without an error or is stopped."""
    meeting = _open_meeting()
    ranks.send(request, meeting.port)
    try:
        with _together(meeting, request.place, device):
            yield
    except Stopped:
        ranks.finish()
        raise
    ranks.finish()


@contextmanager
def following(port: int, place: Place, device: torch.device) -> Iterator[None]:
    """Train as one with the leader who is met at `port`."""
    with _together(TCPStore(LOOPBACK, port, None, False), place, device):
        yield


def _open_meeting() -> TCPStore:
    """Where the leader is met: at a free port, which is bound at once so that no other run can take it."""
    listener = socket.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    return TCPStore(LOOPBACK, port, None, True, wait_for_workers=False, master_listen_fd=listener.detach())


@contextmanager
def _together(store: TCPStore, place: Place, device: torch.device) -> Iterator[None]:
    """Train as one; this waits until all processes are there.

    Whoever fails leaves without a goodbye: the others would take that for the reason.
    """
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform.startswith("linux") else "lo0")
    if device.type == "cuda":
        torch.cuda.set_device(device)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl", store=store, rank=place.rank, world_size=place.size, device_id=device
        )
    else:
        dist.init_process_group("gloo", store=store, rank=place.rank, world_size=place.size)
    try:
        yield
    except Stopped:
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """The sum of all processes' tensors, the same in each of them. In place."""
    if dist.is_initialized():
        dist.all_reduce(tensor)
    return tensor


def gather(tensor: Tensor) -> list[Tensor]:
    """All processes' tensors by rank, of one shape and on the CPU."""
    if not dist.is_initialized():
        return [tensor]
    gathered = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, tensor)
    return gathered


class AgreedStop(Callback):
    """A stop that all processes know of at the same batch: the leader, who alone gets the signals, tells the others.

    It comes before all other callbacks. One byte a batch on the CPU: no GPU is waited for.
    """

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._agreed = False

    @property
    def requested(self) -> bool:
        return self._agreed if dist.is_initialized() else self._stop.requested

    def _agree(self, *_: Any) -> None:
        flag = torch.tensor([self._stop.requested], dtype=torch.uint8)
        dist.broadcast(flag, src=0)
        self._agreed = bool(flag)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._agree()

    def on_train_batch_end(self, *_: Any) -> None:
        self._agree()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._agree()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._agree()

    def on_validation_batch_end(self, *_: Any) -> None:
        self._agree()
