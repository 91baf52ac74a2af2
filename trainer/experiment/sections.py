"""The sections of an experiment file as frozen dataclasses: each setting with its default, range, meaning and unit.

The service, the page and the documentation read ranges and docs from here. No setting is without effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from marshmallow.validate import Length, Range, Regexp

from trainer.experiment.schema import between, parameter

Metric = Literal["val/loss", "val/acc", "train/loss"]

RATE = Range(0, 10, min_inclusive=False, error="must be above 0, at most 10")
POSITIVE = Range(min=0, min_inclusive=False, error="must be greater than 0")


@dataclass(frozen=True)
class Model:
    """The network: an architecture built from its config, a pretrained one with a new head, or your own."""

    architecture: str | None = parameter(
        None,
        Regexp(
            r"^[A-Z][A-Za-z0-9]{0,79}ForImageClassification[A-Za-z]{0,40}\Z",
            error="must be like ResNetForImageClassification",
        ),
        doc="an image-classification class of Hugging Face transformers, built with random weights",
    )
    config: dict[str, Any] = parameter({}, doc="values of the architecture's config, such as depths and hidden_sizes")
    pretrained: str | None = parameter(
        None,
        Length(1, 4096, error="must have from 1 to 4,096 characters"),
        doc="weights to start from: a hub id, or a local folder as save_pretrained writes it (a path that"
        " begins with /, . or ~). The head is replaced unless it has the same classes. The first layer is"
        " adapted to data.channels",
    )
    class_path: str | None = parameter(
        None,
        Regexp(r"(?a:[A-Za-z_]\w*\.)+(?a:[A-Za-z_]\w*)\Z", error="must be like package.module.ClassName"),
        doc="a torch.nn.Module of your own, in the current directory or on PYTHONPATH. It takes images (B, C,"
        " H, W) and returns logits (B, classes) or an object with .logits. Only the experiment file can set"
        " it, not a start",
    )
    init_args: dict[str, Any] = parameter(
        {},
        doc="arguments of class_path. num_classes, channels and image_size are added if it has parameters of"
        " these names",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        if sum(each is not None for each in (self.architecture, self.pretrained, self.class_path)) != 1:
            yield "", "needs exactly one of architecture, pretrained and class_path"
        if self.architecture is None and self.config:
            yield (
                "config",
                "is only for architecture; a pretrained model has its own, a class_path has init_args",
            )
        if self.class_path is None and self.init_args:
            yield "init_args", "is only for class_path"
        inner = self.config.get("vision_config")
        for name in ("num_labels", "id2label", "label2id", "num_channels", "stem_num_channels", "image_size"):
            if name in self.config:
                yield f"config.{name}", "is set from the data; leave it out"
            if isinstance(inner, dict) and name in inner:
                yield f"config.vision_config.{name}", "is set from the data; leave it out"


@dataclass(frozen=True)
class Loss:
    """Cross-entropy. These parameters affect the training only, so val/loss and test/loss stay comparable."""

    class_weights: Literal["none", "balanced"] = parameter(
        "none", doc="balanced = images of rare classes count more. Not together with balanced sampling"
    )
    label_smoothing: float = parameter(0.0, between(0, 0.9), doc="share of each label that is spread over all classes")


@dataclass(frozen=True)
class Optimizer:
    """How the weights are updated."""

    name: Literal["adamw", "adam", "sgd"] = parameter("adamw", doc="adamw, adam or sgd (with Nesterov momentum)")
    learning_rate: float = parameter(1e-3, RATE, doc="peak learning rate")
    backbone_learning_rate: float | None = parameter(
        None,
        RATE,
        doc="peak learning rate of everything but the head, usually lower than learning_rate. null = learning_rate",
    )
    weight_decay: float = parameter(0.01, between(0, 1), doc="decoupled for adamw, L2 for adam and sgd")
    momentum: float = parameter(0.9, between(0.001, 0.999), doc="momentum of sgd, and the first beta of adam and adamw")


@dataclass(frozen=True)
class Scheduler:
    """How the learning rate changes over the run. It changes after every step."""

    name: Literal["constant", "linear", "cosine"] = parameter(
        "cosine", doc="after the warm-up: constant, or falling to 0 at the last epoch in a line or a cosine"
    )
    warmup_fraction: float = parameter(
        0.1, between(0, 0.9), doc="share of all steps in which the rate rises to its peak"
    )


@dataclass(frozen=True)
class Trainer:
    """How long to train, and on which devices."""

    max_epochs: int = parameter(
        10, between(1, 100_000), doc="number of epochs. Early stopping may end the training sooner"
    )
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = parameter(
        "auto", doc="auto = CUDA if there is a GPU, else Apple's MPS, else the CPU"
    )
    devices: tuple[int, ...] = parameter(
        (0,),
        Length(1, 64, error="must be from 1 to 64 indices, like [0]"),
        doc="indices of the GPUs. Each has a process, and they share every batch. On the CPU [0, 1] means two"
        " processes",
        must="must be a list of indices, such as [0] for the first GPU or [0, 1] for the first two",
    )
    cpu_threads: int | None = parameter(
        None,
        between(1, 1024),
        doc="CPU threads of each process. null = one per core, divided among the processes. 1 is fastest for a"
        " small network",
    )
    precision: Literal["32", "bf16", "16"] = parameter(
        "32", doc="precision of the computation. bf16 and 16 are mixed precision. 16 needs CUDA"
    )
    compile: bool = parameter(
        False,
        doc="compile the network with torch.compile. It takes about a minute at first, then steps are faster."
        " Needs a C++ compiler, and triton on CUDA",
    )
    deterministic: bool = parameter(
        False,
        doc="on a GPU, use only algorithms that give the same result each time. This is slower, and an"
        " operation without such an algorithm ends the training. A CPU does not need it",
    )
    gradient_clip_norm: float | None = parameter(
        None, POSITIVE, doc="largest norm of all gradients together. null = no limit"
    )
    accumulate_batches: int = parameter(
        1, between(1, 10_000), doc="number of batches whose gradients are added up for one step"
    )
    ema_decay: float | None = parameter(
        None,
        between(0.1, 0.99999),
        doc="decay of a moving average of the weights, which is then validated, tested and exported."
        " Checkpoints hold both. The decay is lower in the first steps. 0.999 suits thousands of steps. null"
        " = no average",
    )
    freeze_backbone_epochs: int = parameter(
        0,
        between(0, 100_000),
        doc="number of first epochs in which only the head is trained. The backbone is base_model of a"
        " transformers model, or the attribute backbone of a class_path",
    )
    log_every_n_steps: int = parameter(
        10, between(1, 1_000_000), doc="steps between two rows of train/loss_step and lr"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        if any(not 0 <= index < 1024 for index in self.devices):
            yield "devices", "must be indices from 0"
        elif len(set(self.devices)) < len(self.devices):
            yield "devices", "must not name a device twice"
        if self.accelerator == "cpu" and self.precision == "16":
            yield "precision", "16 needs a CUDA GPU; a CPU can do 32 and bf16"


@dataclass(frozen=True)
class EarlyStopping:
    """When to end before max_epochs because nothing improves. Such a run is completed."""

    patience: int | None = parameter(
        None, between(1, 100_000), doc="epochs without improvement after which the training ends. null = never"
    )
    monitor: Metric = parameter("val/loss", doc="metric that must improve. A loss falls, an accuracy rises")
    min_delta: float = parameter(0.0, between(0, 1_000), doc="smallest change that counts as improvement")


@dataclass(frozen=True)
class Checkpoint:
    """Which checkpoints are kept: the best epoch's and the last."""

    monitor: Metric = parameter("val/loss", doc="metric by which the best epoch is chosen")
    last_every_n_epochs: int = parameter(
        1, between(1, 100_000), doc="epochs between two saves of last.ckpt. The last epoch is always saved"
    )


@dataclass(frozen=True)
class Export:
    """The ONNX file, exported from the best checkpoint."""

    opset: int = parameter(18, between(18, 23), doc="version of the ONNX operator set")
    include_preprocessing: bool = parameter(
        False,
        doc="true = normalisation and softmax are inside the graph. input takes raw pixels (B, C, H, W) uint8,"
        " and there is a second output, probabilities. false = input takes normalised float32. The consumer"
        " resizes images either way",
    )
    variants: tuple[Literal["fp16", "int8"], ...] = parameter(
        (),
        doc="smaller files beside the float one, each with its measured test accuracy in the model card. fp16 ="
        " half precision, for GPUs. int8 = calibrated on at most 512 train images, for CPUs",
    )

    explanation: bool = parameter(
        False,
        doc="true = a further output, heatmap (B, h, w) from 0 to 1, estimates what in the image the prediction is"
        " based on: a class activation map, or attention rollout for a vision transformer (docs/models.md). A network"
        " that allows neither is refused after the first step",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        if len(set(self.variants)) < len(self.variants):
            yield "variants", "must name each variant once"
