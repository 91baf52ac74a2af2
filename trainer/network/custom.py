"""A network of the user's own: any nn.Module that can be imported."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from typing import Any

from torch import nn

from trainer.experiment.experiment import ExperimentInvalid
from trainer.network.weights import explain


def build(class_path: str, init_args: dict[str, Any], offered: dict[str, Any]) -> nn.Module:
    """Import `class_path` from the current directory or PYTHONPATH and call it with `init_args`.

    Of `offered` it gets what it has parameters for and `init_args` does not say. Raises ExperimentInvalid.
    """
    cls = _import(class_path)
    parameters = inspect.signature(cls.__init__).parameters
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    unknown = [] if takes_any else sorted(set(init_args) - set(parameters) | set(init_args) & {"self"})
    if unknown:
        raise ExperimentInvalid({f"model.init_args.{name}": [f"is no parameter of {class_path}"] for name in unknown})
    added = {name: value for name, value in offered.items() if name in parameters}
    try:
        return cls(**{**added, **init_args})
    except Exception as error:  # whatever a constructor of the user's raises
        problem = f"{class_path} cannot be built: {_one_line(error)}"
        raise ExperimentInvalid({"model.init_args": [problem]}) from error


def _import(class_path: str) -> type[nn.Module]:
    module_name, _, name = class_path.rpartition(".")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())
    try:
        cls = getattr(importlib.import_module(module_name), name, None)
    except Exception as error:  # not found, or whatever it raises while it is imported
        raise ExperimentInvalid(
            {"model.class_path": [f"{module_name} cannot be imported: {_one_line(error)}"]}
        ) from error
    if not isinstance(cls, type):
        raise ExperimentInvalid({"model.class_path": [f"{module_name} has no class {name}"]})
    if not issubclass(cls, nn.Module):
        raise ExperimentInvalid({"model.class_path": [f"{class_path} is no torch.nn.Module"]})
    return cls


def _one_line(error: Exception) -> str:
    kind = type(error).__name__
    return f"{kind}: {explain(error).removeprefix(f'{kind}: ')}"
