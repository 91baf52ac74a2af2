"""A custom network: any importable nn.Module class."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from typing import Any

from torch import nn

from trainer.experiment.experiment import ExperimentInvalid
from trainer.network.weights import describe_load_error


def build(class_path: str, init_args: dict[str, Any], defaults: dict[str, Any]) -> nn.Module:
    """Import `class_path` from the current directory or PYTHONPATH and call it with `init_args`.

    Pass each of `defaults` that the class has a parameter for and `init_args` does not set. Raises ExperimentInvalid.
    """
    cls = _import(class_path)
    parameters = inspect.signature(cls.__init__).parameters
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    unknown = [] if takes_any else sorted(set(init_args) - set(parameters) | set(init_args) & {"self"})
    if unknown:
        problems = {f"model.init_args.{name}": [f"is not a parameter of {class_path}"] for name in unknown}
        raise ExperimentInvalid(problems)
    added = {name: value for name, value in defaults.items() if name in parameters}
    try:
        return cls(**{**added, **init_args})
    except Exception as error:  # a user's constructor raises anything
        problem = f"{class_path} cannot be built: {_one_line(error)}"
        raise ExperimentInvalid({"model.init_args": [problem]}) from error


def _import(class_path: str) -> type[nn.Module]:
    module_name, _, name = class_path.rpartition(".")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())
    try:
        cls = getattr(importlib.import_module(module_name), name, None)
    except Exception as error:  # a user's module raises anything
        problem = f"{module_name} cannot be imported: {_one_line(error)}"
        raise ExperimentInvalid({"model.class_path": [problem]}) from error
    if not isinstance(cls, type):
        raise ExperimentInvalid({"model.class_path": [f"{module_name} has no class {name}"]})
    if not issubclass(cls, nn.Module):
        raise ExperimentInvalid({"model.class_path": [f"{class_path} is not a torch.nn.Module"]})
    return cls


def _one_line(error: Exception) -> str:
    kind = type(error).__name__
    return f"{kind}: {describe_load_error(error).removeprefix(f'{kind}: ')}"
