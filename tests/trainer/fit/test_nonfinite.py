from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.trainer.trainings import OWN_NETWORK, TINY, Launcher, write_config
from trainer.batches.datamodule import Batch
from trainer.batches.order import EpochOrder, Position
from trainer.ddp.leader import FailedElsewhere
from trainer.experiment.sections import Trainer
from trainer.fit.nonfinite import BATCHES_BETWEEN_LOOKS, NotFinite, StopOnNotFinite
from trainer.preparation.images import Split, find_split

NAN_FROM_CALL = """
class NanFromCall(TwoParts):
    def __init__(self, num_classes, channels, call):
        super().__init__(num_classes, channels)
        self.calls_left = call

    def forward(self, images):
        self.calls_left -= self.training
        return super().forward(images) * (float("nan") if self.calls_left <= 0 else 1)

class TakesAllMemory(TwoParts):
    def forward(self, images):
        return super().forward(images) + (torch.empty(2**60) if self.training else 0)
"""


def own_network(folder: Path, model: str) -> Path:
    (folder / "networks_that_fail.py").write_text(OWN_NETWORK + NAN_FROM_CALL)
    return write_config(folder, f"model: {{class_path: networks_that_fail.{model}\n" + TINY[TINY.index("data:") :])


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_training_and_leaves_the_last_good_checkpoints(
    launcher: Launcher, squares: Path, tmp_path: Path
) -> None:
    config = own_network(tmp_path, "NanFromCall, init_args: {call: 8}}")
    done = launcher.train(config, squares, PYTHONPATH=str(tmp_path))
    assert done.process.returncode == 1
    split = find_split("train", squares / "train")
    order = EpochOrder(len(split), 0, Position(), 8)
    order.set_epoch(1)
    files = [split.paths[index].relative_to(split.path).as_posix() for index in list(order)[16:24]]
    assert f"train/loss is nan at step 7, on {', '.join(files)}" in done.log
    found = re.fullmatch(
        r"error: train/loss became NaN at step 7 \(epoch 1, learning rate (\S+)\): lower optimizer.learning_rate or set"
        r" trainer.gradient_clip_norm; the batch's files: (.*)",
        done.last_line,
    )
    assert found, done.log
    assert 0 < float(found[1]) < 1e-3
    assert found[2] == ", ".join(files[:3]) + " and 5 more"
    left = {path.name: torch.load(path, weights_only=True) for path in done.run.checkpoints.glob("*.ckpt")}
    assert set(left) == {"epoch_000.ckpt", "last.ckpt"}
    assert {content["training"]["step"] for content in left.values()} == {5}
    assert all(each.isfinite().all() for each in left["last.ckpt"]["state_dict"].values())


@pytest.mark.slow
def test_a_training_that_takes_all_memory_says_what_to_try(launcher: Launcher, squares: Path, tmp_path: Path) -> None:
    done = launcher.train(own_network(tmp_path, "TakesAllMemory}"), squares, PYTHONPATH=str(tmp_path))
    assert done.process.returncode == 1
    assert re.match(
        r"error: out of memory on the machine \(tried to allocate \d+\.00 GiB\) with batches of 8 images of 8x8 pixels:"
        r" lower data.batch_size ",
        done.last_line,
    )
    assert "Traceback" in done.log
    assert "networks_that_fail.py" in done.log


# what it sees, batch by batch


class Watched:
    """The callback, fed with losses as the loop would do."""

    def __init__(self, device: str = "cpu", **chosen: Any) -> None:
        self.said: list[str] = []
        paths = tuple(Path("train", "a", f"{number}.png") for number in range(100))
        split = Split(Path("train"), ("a",), paths, (0,) * 100)
        self.callback = StopOnNotFinite(split, Trainer(**chosen), self.said.append)
        strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision)
        self.trainer: Any = SimpleNamespace(global_step=0, current_epoch=0, strategy=strategy, callback_metrics={})
        self.weight = torch.ones(1)
        self.module: Any = SimpleNamespace(
            device=torch.device(device), learning_rate_of_step=0.1, parameters=lambda: [torch.ones(2), self.weight]
        )

    def train(self, *losses: float) -> None:
        for loss in losses:
            batch = Batch(torch.empty(1), torch.empty(1), torch.tensor([self.trainer.global_step]))
            self.callback.on_train_batch_start(self.trainer, self.module, batch, 0)
            self.trainer.global_step += 1
            self.callback.on_train_batch_end(self.trainer, self.module, {"loss": torch.tensor(loss)}, batch, 0)

    def save(self) -> None:
        self.callback.on_save_checkpoint(self.trainer, self.module, {})


def test_on_a_gpu_it_looks_now_and_then_and_names_the_first_such_batch_all_the_same() -> None:
    watched = Watched("meta")
    watched.train(1.0, 2.0, float("inf"), *[float("nan")] * (BATCHES_BETWEEN_LOOKS - 4))
    with pytest.raises(NotFinite, match=r"train/loss became infinite at step 2 .*files: a/2\.png$"):
        watched.train(float("nan"))
    assert watched.said == ["train/loss is inf at step 2, on a/2.png"]


def test_no_checkpoint_is_written_before_it_has_looked() -> None:
    watched = Watched("meta")
    watched.train(1.0, float("nan"))
    with pytest.raises(NotFinite, match="at step 1"):
        watched.save()


def test_weights_that_the_last_step_ruined_are_not_saved() -> None:
    watched = Watched()
    watched.train(1.0)
    watched.save()
    watched.weight.fill_(float("inf"))
    with pytest.raises(NotFinite, match="the weights became NaN or infinite at step 0: lower optimizer"):
        watched.save()


def test_a_validation_loss_that_is_no_number_ends_it_too() -> None:
    watched = Watched()
    watched.trainer.callback_metrics["val/loss"] = torch.tensor(0.5)
    watched.callback.on_train_epoch_end(watched.trainer, watched.module)
    watched.trainer.callback_metrics["val/loss"] = torch.tensor(float("nan"))
    with pytest.raises(NotFinite, match="val/loss became NaN in epoch 0 although train/loss is finite"):
        watched.callback.on_train_epoch_end(watched.trainer, watched.module)


@pytest.mark.parametrize(
    ("chosen", "steps_before", "advice"),
    [
        ({}, 0, "no step was made yet, so look at data.mean, data.std and the network"),
        ({}, 1, "lower optimizer.learning_rate or set trainer.gradient_clip_norm;"),
        ({"gradient_clip_norm": 1.0}, 1, "lower optimizer.learning_rate;"),
        ({"gradient_clip_norm": 1.0, "precision": "16"}, 1, "rate or set trainer.precision to bf16 or 32;"),
    ],
)
def test_only_what_helps_is_advised(chosen: dict[str, Any], steps_before: int, advice: str) -> None:
    watched = Watched(**chosen)
    watched.train(*[1.0] * steps_before)
    with pytest.raises(NotFinite, match=re.escape(advice)):
        watched.train(float("nan"))


def test_several_processes_end_together() -> None:
    watched = Watched()
    watched.trainer.strategy.reduce_boolean_decision = lambda decision, all: False
    with pytest.raises(FailedElsewhere):
        watched.train(1.0)
