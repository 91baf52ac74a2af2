"""The training program."""

from __future__ import annotations

import os

# Since 1.29 onnxruntime reports every process to its vendor unless this is set before the import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
