"""Choose how a metrics file is read."""

from __future__ import annotations

import os

from app.runs.collect.csvrows import CsvRows
from app.runs.collect.jsondocument import JsonDocument, has_history
from app.runs.collect.jsonlines import JsonLines
from app.runs.collect.jsonrows import parse_json
from app.runs.collect.source import Source
from trainer.runfile import RunFile

HEAD_BYTES = 64 * 1024


def source_of(name: str, file: RunFile) -> Source | None:
    """Return the source for a file by how it begins. None as long as that is unknown.

    Unless its suffix says it, a file that begins with a brace or a bracket is JSON, and any other one is a CSV. It has
    JSON lines if its first line alone is an object, but not a whole history in one line.
    """
    if file.path.suffix in (".csv", ".tsv"):
        return CsvRows(name, file)
    if file.path.suffix in (".jsonl", ".ndjson"):
        return JsonLines(name, file)
    try:
        with file.open() as opened:
            head = os.pread(opened.fileno(), HEAD_BYTES, 0).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return JsonLines(name, file)  # Any source says why it cannot be read.
    if not head:
        return None
    if head[:1] not in (b"{", b"["):
        return CsvRows(name, file)
    return JsonLines(name, file) if _is_object(head.partition(b"\n")[0]) else JsonDocument(name, file)


def _is_object(line: bytes) -> bool:
    try:
        content = parse_json(line)
    except ValueError:
        return False
    return isinstance(content, dict) and not has_history(content)
