from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.trainer.trainings import OWN_NETWORK, TINY, Launcher, write_config
from trainer.batches.images import Batch
from trainer.batches.samplers import Position, TrainSampler
from trainer.ddp.leader import OtherRankFailed
from trainer.experiment.sections import Trainer
from trainer.fit.nonfinite import CHECK_EVERY_N_BATCHES_ON_GPU, NotFinite, TerminateOnNaN
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
def test_a_nan_loss_terminates_the_training_and_leaves_the_last_good_checkpoints(
    launcher: Launcher, squares: Path, tmp_path: Path
) -> None:
    config = own_network(tmp_path, "NanFromCall, init_args: {call: 8}}")
    done = launcher.train(config, squares, PYTHONPATH=str(tmp_path))
    assert done.process.returncode == 1
    split = find_split("train", squares / "train")
    order = TrainSampler(len(split), 0, Position(), 8)
    order.set_epoch(1)
    files = [split.paths[index].relative_to(split.path).as_posix() for index in list(order)[16:24]]
    assert ", ".join(files) in done.log
    facts = r"error: train/loss became NaN at step 7 \(epoch 1, learning rate (\S+)\): .*optimizer.learning_rate"
    found = re.match(facts, done.last_line)
    assert found, done.log
    assert 0 < float(found[1]) < 1e-3
    assert files[0] in done.last_line
    left = {path.name: torch.load(path, weights_only=True) for path in done.run.checkpoints.glob("*.ckpt")}
    assert set(left) == {"epoch_000.ckpt", "last.ckpt"}
    assert {content["training"]["step"] for content in left.values()} == {5}
    assert all(each.isfinite().all() for each in left["last.ckpt"]["state_dict"].values())


@pytest.mark.slow
def test_out_of_memory_names_the_parameters_to_change(launcher: Launcher, squares: Path, tmp_path: Path) -> None:
    done = launcher.train(own_network(tmp_path, "TakesAllMemory}"), squares, PYTHONPATH=str(tmp_path))
    assert done.process.returncode == 1
    assert re.match(r"error: out of memory on the machine \(.* \d+\.00 GiB\) .* 8x8 .*data.batch_size", done.last_line)
    assert "Traceback" in done.log
    assert "networks_that_fail.py" in done.log


# batch by batch


class Watched:
    """A callback and a trainer that calls it as Lightning does."""

    def __init__(self, device: str = "cpu", **chosen: Any) -> None:
        self.lines: list[str] = []
        paths = tuple(Path("train", "a", f"{number}.png") for number in range(100))
        split = Split(Path("train"), ("a",), paths, (0,) * 100)
        self.callback = TerminateOnNaN(split, Trainer(**chosen), self.lines.append)
        strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision)
        self.trainer: Any = SimpleNamespace(global_step=0, current_epoch=0, strategy=strategy, callback_metrics={})
        self.weight = torch.ones(1)
        self.module: Any = SimpleNamespace(
            device=torch.device(device), last_learning_rate=0.1, parameters=lambda: [torch.ones(2), self.weight]
        )

    def train(self, *losses: float) -> None:
        for loss in losses:
            batch = Batch(torch.empty(1), torch.empty(1), torch.tensor([self.trainer.global_step]))
            self.callback.on_train_batch_start(self.trainer, self.module, batch, 0)
            self.trainer.global_step += 1
            self.callback.on_train_batch_end(self.trainer, self.module, {"loss": torch.tensor(loss)}, batch, 0)

    def save(self) -> None:
        self.callback.on_save_checkpoint(self.trainer, self.module, {})


def test_on_a_gpu_the_loss_is_checked_every_few_batches_and_the_error_names_the_first_bad_one() -> None:
    watched = Watched("meta")
    watched.train(1.0, 2.0, float("inf"), *[float("nan")] * (CHECK_EVERY_N_BATCHES_ON_GPU - 4))
    with pytest.raises(NotFinite, match=r"infinite at step 2 .*a/2\.png"):
        watched.train(float("nan"))
    (line,) = watched.lines
    assert "inf at step 2" in line
    assert "a/2.png" in line


def test_the_loss_is_checked_before_each_checkpoint() -> None:
    watched = Watched("meta")
    watched.train(1.0, float("nan"))
    with pytest.raises(NotFinite, match="at step 1"):
        watched.save()


def test_weights_broken_by_the_last_step_are_not_saved() -> None:
    watched = Watched()
    watched.train(1.0)
    watched.save()
    watched.weight.fill_(float("inf"))
    with pytest.raises(NotFinite, match=r"weights .* at step 0: .*optimizer.learning_rate"):
        watched.save()


def test_a_nan_validation_loss_terminates_the_training_too() -> None:
    watched = Watched()
    watched.trainer.callback_metrics["val/loss"] = torch.tensor(0.5)
    watched.callback.on_train_epoch_end(watched.trainer, watched.module)
    watched.trainer.callback_metrics["val/loss"] = torch.tensor(float("nan"))
    with pytest.raises(NotFinite, match="val/loss became NaN in epoch 0"):
        watched.callback.on_train_epoch_end(watched.trainer, watched.module)


@pytest.mark.parametrize(
    ("chosen", "steps_before", "advised"),
    [
        ({}, 0, {"data.mean", "data.std"}),
        ({}, 1, {"optimizer.learning_rate", "trainer.gradient_clip_norm"}),
        ({"gradient_clip_norm": 1.0}, 1, {"optimizer.learning_rate"}),
        ({"gradient_clip_norm": 1.0, "precision": "16"}, 1, {"optimizer.learning_rate", "trainer.precision"}),
    ],
)
def test_the_reason_names_the_parameters_that_may_help(
    chosen: dict[str, Any], steps_before: int, advised: set[str]
) -> None:
    watched = Watched(**chosen)
    watched.train(*[1.0] * steps_before)
    with pytest.raises(NotFinite) as raised:
        watched.train(float("nan"))
    assert set(re.findall(r"(?:data|optimizer|trainer)\.\w+", str(raised.value))) == advised


def test_all_ranks_end_together() -> None:
    watched = Watched()
    watched.trainer.strategy.reduce_boolean_decision = lambda decision, all: False
    with pytest.raises(OtherRankFailed):
        watched.train(1.0)
