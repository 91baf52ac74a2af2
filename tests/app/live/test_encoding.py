"""The JSON of the sockets."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from app.live.encoding import SocketJson


@pytest.mark.parametrize("content", [{"größe": [1, 2.5, None, "\u2028"]}, ["metrics", {"rows": [[0, 1e-300]]}], 2**70])
def test_sockets_are_told_what_json_tells(content: Any) -> None:
    assert json.loads(SocketJson.dumps(content, separators=(",", ":"))) == content


def test_sockets_are_told_null_for_what_json_has_not() -> None:
    assert SocketJson.dumps([math.nan, math.inf]) == "[null,null]"


def test_sockets_are_told_of_names_that_are_no_text() -> None:
    name = b"caf\xe9.png".decode(errors="surrogateescape")
    assert json.loads(SocketJson.dumps({"reason": name}, separators=(",", ":"))) == {"reason": name}
