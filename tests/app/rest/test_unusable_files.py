"""What REST answers if the machine refuses to read or write a file of the service."""

from __future__ import annotations

import errno
import os

import pytest
from flask import Flask

from app.rest import errors
from tests.app.answers import check_shape


@pytest.mark.parametrize(
    ("number", "code", "remedy"),
    [(errno.ENOSPC, 507, "free space"), (errno.EDQUOT, 507, "free space"), (errno.EROFS, 503, "writable")],
)
def test_a_file_that_the_machine_refuses_is_named_with_a_remedy(number: int, code: int, remedy: str) -> None:
    app = Flask("refusing")
    errors.register(app)

    @app.get("/refused")
    def refused() -> str:
        raise OSError(number, os.strerror(number), "/runs/queue.lock")

    message = check_shape(app.test_client().get("/refused").get_json(), code)["message"]
    assert f"/runs/queue.lock: {os.strerror(number)}" in message
    assert remedy in message
