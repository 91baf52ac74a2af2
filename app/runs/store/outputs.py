"""The outputs that a run's experiment declares, as run.json keeps them: metrics, log and models of a `command`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.experiment.outputs import LogOutput, MetricsOutput, ModelsOutput
from trainer.experiment.schema import load_valid


@dataclass(frozen=True)
class Outputs:
    """The declared outputs of a run. Nothing is declared for our own trainer: the service knows its files."""

    metrics: MetricsOutput = MetricsOutput()
    log: LogOutput = LogOutput()
    models: ModelsOutput = ModelsOutput()

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Outputs:
        """Read them from the content of run.json. A missing or corrupt section declares nothing."""
        outputs = manifest.get("outputs")
        content = outputs if isinstance(outputs, dict) else {}
        if not content:
            return cls()
        return cls(
            load_valid(MetricsOutput, content.get("metrics")) or MetricsOutput(),
            load_valid(LogOutput, content.get("log")) or LogOutput(),
            load_valid(ModelsOutput, content.get("models")) or ModelsOutput(),
        )
