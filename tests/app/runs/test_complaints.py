"""An error that comes again and again."""

from __future__ import annotations

import logging

import pytest

from app.runs.complaints import Complaints


def test_an_error_is_said_in_full_once_and_then_counted_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"), "The clock")
    with caplog.at_level("INFO"):
        for _ in range(12_345):
            complaints.failed(OSError("no disk"))
            complaints.failed(ValueError("no sense"))
        complaints.succeeded()
        complaints.failed(OSError("no disk"))
        complaints.succeeded()
        complaints.succeeded()
    first = "The clock goes on after an error."
    counted = [f"The clock met with {n:d} errors, lastly ValueError: no sense" for n in (10, 100, 1000, 10_000)]
    assert caplog.messages == [first, first, *counted, "The clock works again, after 24690 errors.", first]
    assert [record.exc_info is not None for record in caplog.records].count(True) == 3


def test_errors_that_are_all_different_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"), "The clock")
    for number in range(5000):
        complaints.failed(OSError(f"no disk {number}"))
    assert len(caplog.records) < 20
