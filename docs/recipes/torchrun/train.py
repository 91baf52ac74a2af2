"""Train on several processes with torchrun: DistributedDataParallel, checkpoints every epoch, and a save on SIGTERM."""

import argparse
import csv
import os
import signal
from pathlib import Path

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset


class GracefulStop:
    """Every process stops after the same epoch, because all of them ask all of them."""

    def __init__(self):
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_):
        self.asked = True

    def is_asked_anywhere(self):
        asked = torch.tensor(int(self.asked))
        dist.all_reduce(asked, dist.ReduceOp.MAX)
        return bool(asked)


def make_loader(batch_size):
    images, labels = load_digits(return_X_y=True)
    dataset = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
    return DataLoader(dataset, batch_size, sampler=DistributedSampler(dataset))


def train_one_epoch(model, loader, optimizer):
    total = torch.zeros(2)
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += torch.tensor([loss.item(), 1.0])
    dist.all_reduce(total)
    return float(total[0] / total[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--resume", type=Path)
    args = parser.parse_args()

    dist.init_process_group("gloo")
    stop = GracefulStop()
    is_main = dist.get_rank() == 0
    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)))
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    loader = make_loader(batch_size=32)
    first_epoch = 0
    if args.resume:
        saved = torch.load(args.resume, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first_epoch = saved["epoch"] + 1
    print(f"[rank {dist.get_rank()} of {dist.get_world_size()}, pid {os.getpid()}] ready", flush=True)

    with open(args.output_dir / "metrics.csv" if is_main else os.devnull, "w", newline="") as file:
        metrics = csv.writer(file)
        metrics.writerow(["epoch", "train/loss"])
        for epoch in range(first_epoch, args.epochs):
            loader.sampler.set_epoch(epoch)
            loss = train_one_epoch(model, loader, optimizer)
            metrics.writerow([epoch, loss])
            file.flush()
            if is_main:
                print(f"epoch {epoch}: loss {loss:.4f}", flush=True)
                saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
                torch.save(saved, args.output_dir / "last.pt.tmp")
                os.replace(args.output_dir / "last.pt.tmp", args.output_dir / "last.pt")
            if stop.is_asked_anywhere():
                break
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
