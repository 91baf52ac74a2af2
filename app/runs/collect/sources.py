"""Choose how a metrics file is read."""

from __future__ import annotations

import os
from codecs import BOM_UTF8

from app.runs.collect.csvrows import CsvRows
from app.runs.collect.jsondocument import JsonDocument, has_history
from app.runs.collect.jsonlines import JsonLines
from app.runs.collect.jsonrows import parse_json
from app.runs.collect.source import Source
from trainer.runfile import RunFile

HEAD_BYTES = 64 * 1024


def source_of(name: str, file: RunFile) -> Source | None:
    """Return the source for a file, by its suffix or its beginning. None while the file is empty.

    A file that begins with a brace or a bracket is JSON. It has JSON lines if its first line is an object, but not a
    complete history in one line. Any other file is a CSV.
    """
    if file.path.suffix in (".csv", ".tsv"):
        return CsvRows(name, file)
    if file.path.suffix in (".jsonl", ".ndjson"):
        return JsonLines(name, file)
    try:
        with file.open() as opened:
            head = os.pread(opened.fileno(), HEAD_BYTES, 0).removeprefix(BOM_UTF8).lstrip()
    except OSError:
        return JsonLines(name, file)  # Any source will report why the file cannot be read.
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
