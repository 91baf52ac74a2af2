"""Import torch, lightning and transformers, which takes seconds, and keep their notes out of the log."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import warnings
from types import ModuleType


def import_train() -> ModuleType:
    """Import trainer.training and the libraries that it needs.

    Silences the libraries' warnings for developers, which users cannot act on.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    names = "lightning|torch|transformers|kornia|onnxscript|onnx|copyreg|PIL"
    warnings.filterwarnings("ignore", module=rf"({names})(\..*)?$")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # It logs during its import.
    # Each garbage collection visits everything imported so far. That is a fifth of the import time, and later it would
    # pause the training. Frozen objects are not visited. Some MB of garbage from the import stay.
    gc.disable()
    train = importlib.import_module("trainer.training")
    gc.freeze()
    gc.enable()
    for name in ("lightning.pytorch", "lightning.fabric", "torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.ERROR)  # Only now, because the import sets levels too.
    return train
