"""Guess which parameter an unknown key means, by its name in other sections, in other tools, or by its spelling."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

ALIASES = {
    "seed": "random_seed random_state manual_seed",
    "loggers": "logger report_to tensorboard mlflow wandb",
    "model.architecture": "arch backbone net network model_type",
    "model.pretrained": "weights model_name_or_path finetune finetune_from pretrained_model",
    "model.config": "config_overrides model_args model_kwargs",
    "model.init_args": "kwargs args",
    "data.image_size": "img_size imgsz input_size resolution size target_size crop_size",
    "data.channels": "num_channels in_channels in_chans n_channels color_mode",
    "data.batch_size": "batch bs batchsize train_batch_size",
    "data.num_workers": "workers n_workers nw dataloader_num_workers",
    "data.mean": "image_mean",
    "data.std": "image_std",
    "data.augmentation": "augment aug augmentations transforms",
    "data.augmentation.crop": "random_crop random_resized_crop",
    "data.augmentation.rotation_deg": "degrees rotate rotation rotation_range",
    "data.augmentation.translation": "translate width_shift_range height_shift_range",
    "data.augmentation.scale": "zoom zoom_range",
    "data.augmentation.horizontal_flip": "flip hflip fliplr",
    "data.augmentation.vertical_flip": "vflip flipud",
    "data.augmentation.brightness": "hsv_v color_jitter brightness_range",
    "data.augmentation.saturation": "hsv_s",
    "data.augmentation.erasing": "reprob random_erasing cutout",
    "data.mixing.mixup_alpha": "mixup",
    "data.mixing.cutmix_alpha": "cutmix",
    "loss.class_weights": "class_weight weights_per_class",
    "loss.label_smoothing": "smoothing label_smoothing_factor",
    "optimizer.name": "opt optim solver optimizer_type",
    "optimizer.learning_rate": "lr lr0 base_lr initial_lr max_lr init_lr",
    "optimizer.backbone_learning_rate": "backbone_lr lr_backbone",
    "optimizer.weight_decay": "wd l2 decay",
    "optimizer.momentum": "beta1 adam_beta1",
    "scheduler.name": "sched lr_scheduler lr_scheduler_type lr_schedule cos_lr",
    "scheduler.warmup_fraction": "warmup warmup_epochs warmup_steps warmup_ratio",
    "trainer.max_epochs": "epochs epoch num_epochs n_epochs nb_epochs num_train_epochs",
    "trainer.accelerator": "device gpu cuda use_gpu no_cuda",
    "trainer.devices": "device gpus gpu_ids num_gpus n_gpus num_devices device_ids",
    "trainer.cpu_threads": "threads num_threads n_jobs",
    "trainer.precision": "amp fp16 bf16 half use_amp mixed_precision dtype",
    "trainer.compile": "torch_compile torchcompile jit_compile",
    "trainer.gradient_clip_norm": "clip_grad grad_clip gradient_clip gradient_clip_val clipnorm max_grad_norm",
    "trainer.accumulate_batches": "accumulate accumulate_grad_batches gradient_accumulation_steps grad_accum_steps",
    "trainer.ema_decay": "ema use_ema model_ema model_ema_decay",
    "trainer.freeze_backbone_epochs": "freeze_epochs freeze_backbone",
    "trainer.log_every_n_steps": "log_interval log_every logging_steps print_freq",
    "early_stopping.patience": "early_stopping_patience",
    "early_stopping.min_delta": "early_stopping_threshold delta",
    "checkpoint.monitor": "metric_for_best_model save_best save_best_only",
    "checkpoint.last_every_n_epochs": "save_period save_every save_freq save_steps checkpoint_every",
    "export.opset": "opset_version onnx_opset",
    "export.variants": "quantize quantization int8",
    "command.argv": "cmd program script",
    "command.cwd": "workdir working_dir",
    "command.env": "environment envs",
}
"""The names of our parameters in Keras, Lightning, Ultralytics, Hugging Face's Trainer, timm and others."""

_AT_START = "is not a parameter of an experiment; set it in the start request:"
ELSEWHERE = {
    "comes from the dataset's class folders; leave it out": "num_classes n_classes nc classes num_labels",
    "is not a parameter; trainer.max_epochs sets the length of a training in epochs": "max_steps num_steps max_iter",
    "is not a parameter; data.batch_size counts the images of all devices together": (
        "per_device_train_batch_size per_gpu_train_batch_size micro_batch_size"
    ),
    "is not a parameter; trainer.freeze_backbone_epochs trains only the head in the first epochs": "freeze",
    f"{_AT_START} `dataset`, or the folders of train, val and test": (
        "dataset data_dir data_path dataset_dir root train_dir val_dir test_dir"
        " train_data_dir val_data_dir test_data_dir"
    ),
    f"{_AT_START} `resume_from`": "resume resume_from resume_from_checkpoint ckpt_path",
    f"{_AT_START} `model_name`": "model_name run_name exp_name experiment_name",
    "is not a parameter, because the service gives each run its own directory": (
        "output_dir save_dir out_dir log_dir logdir logging_dir project"
    ),
}
"""The messages for names of other tools that an experiment does not need."""

_TARGETS: dict[str, list[str]] = {}
for _path, _aliases in ALIASES.items():
    for _alias in _aliases.split():
        _TARGETS.setdefault(_alias, []).append(_path)
_NOTES = {name: note for note, names in ELSEWHERE.items() for name in names.split()}


def explain_unknown(path: str, known: Sequence[str]) -> str:
    """Make the message for the unknown key at the dotted `path`, with the `known` path that is probably meant."""
    section, _, name = path.lower().replace("-", "_").rpartition(".")
    if path in known:  # In a file, where a dot does not separate a section from its parameter.
        return f'cannot have a dot in a file; write "{path.rpartition(".")[2]}:" below "{section}:"'
    if name in _NOTES and not any(each.rpartition(".")[2] == name for each in known):
        return _NOTES[name]
    meant = _find(section, name, known)
    if meant:
        return f"unknown parameter; did you mean {' or '.join(meant)}"
    near = [each for each in known if each.rpartition(".")[0] == section] or known
    return f"unknown parameter; known are {', '.join(near)}"


def _find(section: str, name: str, known: Sequence[str]) -> list[str]:
    """Return the known paths that may be meant, by the most certain rule that finds any."""
    names = {each: each.rpartition(".")[2] for each in known}
    beside = {each: last for each, last in names.items() if each.rpartition(".")[0] == section}
    return (
        [each for each, last in names.items() if last == name]
        or [each for each in _TARGETS.get(name, ()) if each in known]
        or _similar(name, beside, 0.7)
        or _similar(name, names, 0.8)
    )


def _similar(name: str, candidates: dict[str, str], cutoff: float) -> list[str]:
    best = difflib.get_close_matches(name, candidates.values(), n=1, cutoff=cutoff)
    return [path for path, last in candidates.items() if last in best]
