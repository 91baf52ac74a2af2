"""Escape sequences, with which programs color their output and move the cursor."""

from __future__ import annotations

import re

ESCAPE = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)|[@-Z\\^_])")
"""Any escape sequence. None contains the end of a line, so removing them keeps the lines."""
