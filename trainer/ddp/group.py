"""The process group of a training on several devices: how ranks join it, and its collective operations.

All ranks must call these functions at the same point of the training. In a single process they do nothing.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
import torch.distributed as dist
from lightning import Callback
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from trainer.ddp.leader import Ranks
from trainer.request import Rank, Request
from trainer.stopping import Stop, Stopped

LOOPBACK = "127.0.0.1"


class SingleMachine(LightningEnvironment):
    """Informs Lightning that trainer.ddp.leader has started the processes, and which rank this one has."""

    def __init__(self, rank: Rank) -> None:
        super().__init__()
        self._rank = rank

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def local_rank(self) -> int:
        return self._rank.index


def build_strategy(rank: Rank) -> Any:
    """Build Lightning's strategy."""
    if rank.world_size == 1:
        return "auto"
    # A frozen backbone, and some networks, leave weights unused.
    return DDPStrategy(cluster_environment=SingleMachine(rank), find_unused_parameters=True)


@contextmanager
def lead_group(ranks: Ranks, request: Request, device: torch.device) -> Iterator[None]:
    """Send `request` to `ranks` and train with them. After success or a stop, wait for them to exit."""
    store = _create_store()
    ranks.send(request, store.port)
    try:
        with _process_group(store, request.rank, device):
            yield
    except Stopped:
        ranks.finish()
        raise
    ranks.finish()


def join_group(port: int, rank: Rank, device: torch.device) -> AbstractContextManager[None]:
    """Train with the leader whose store listens on `port`."""
    return _process_group(TCPStore(LOOPBACK, port, None, False), rank, device)


def _create_store() -> TCPStore:
    """Create the leader's store on a free port. The port is bound at once, so that no other run can take it."""
    listener = socket.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    return TCPStore(LOOPBACK, port, None, True, wait_for_workers=False, master_listen_fd=listener.detach())


@contextmanager
def _process_group(store: TCPStore, rank: Rank, device: torch.device) -> Iterator[None]:
    """Wait for all ranks, then train as one process group.

    A rank that fails does not destroy the group: the other ranks would report that as the reason.
    """
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform.startswith("linux") else "lo0")
    options: dict[str, Any] = {"backend": "gloo"}
    if device.type == "cuda":
        torch.cuda.set_device(device)
        options = {"backend": "cpu:gloo,cuda:nccl", "device_id": device}
    dist.init_process_group(store=store, rank=rank.index, world_size=rank.world_size, **options)
    try:
        yield
    except Stopped:
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """Add up the tensors of all ranks, in place."""
    if dist.is_initialized():
        dist.all_reduce(tensor)
    return tensor


def gather(tensor: Tensor) -> list[Tensor]:
    """Return the tensors of all ranks, in the order of ranks. They must have one shape and be on the CPU."""
    if not dist.is_initialized():
        return [tensor]
    gathered = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, tensor)
    return gathered


class BroadcastStop(Callback):
    """Broadcasts a stop from the leader, which alone receives signals, so that all ranks see it at the same batch.

    It must be the first callback. The broadcast is one byte per batch on the CPU, so no GPU has to synchronise.
    """

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._broadcast_requested = False

    @property
    def requested(self) -> bool:
        return self._broadcast_requested if dist.is_initialized() else self._stop.requested

    def _broadcast(self, *_: Any, **__: Any) -> None:
        flag = torch.tensor([self._stop.requested], dtype=torch.uint8)
        dist.broadcast(flag, src=0)
        self._broadcast_requested = bool(flag)

    on_train_epoch_start = on_train_batch_end = on_train_epoch_end = _broadcast
    on_validation_start = on_validation_batch_end = _broadcast
