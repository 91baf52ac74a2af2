"""The import of torch, lightning and transformers, which takes seconds, and what they say in the log."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import warnings
from types import ModuleType


def import_train() -> ModuleType:
    """Import trainer.training and what it needs.

    What these libraries say to their developers is kept out of the log: nothing of it can be acted upon here.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    names = "lightning|torch|transformers|kornia|onnxscript|onnx|copyreg|PIL"
    warnings.filterwarnings("ignore", module=rf"({names})(\..*)?$")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it speaks while it is imported
    # Each collection goes through all that was imported so far: a fifth of the time, and later a pause of the training.
    # Some MB of garbage that the import leaves stay.
    gc.disable()
    train = importlib.import_module("trainer.training")
    gc.freeze()
    gc.enable()
    for name in ("lightning.pytorch", "lightning.fabric", "torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.ERROR)  # after the import, which sets levels of its own
    return train
