"""The training program."""

from __future__ import annotations

import os

# Since 1.29 onnxruntime tells its maker about every process unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
