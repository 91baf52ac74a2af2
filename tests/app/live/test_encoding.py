"""The JSON encoding of Socket.IO messages."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from app.live.encoding import SocketJson


@pytest.mark.parametrize("content", [{"größe": [1, 2.5, None, "\u2028"]}, ["metrics", {"rows": [[0, 1e-300]]}], 2**70])
def test_json_values_are_encoded_without_loss(content: Any) -> None:
    assert json.loads(SocketJson.dumps(content, separators=(",", ":"))) == content


def test_numbers_that_are_not_finite_become_null() -> None:
    assert SocketJson.dumps([math.nan, math.inf]) == "[null,null]"


def test_file_names_that_are_not_utf8_are_encoded_without_loss() -> None:
    name = b"caf\xe9.png".decode(errors="surrogateescape")
    assert json.loads(SocketJson.dumps({"reason": name}, separators=(",", ":"))) == {"reason": name}
