"""The log lines of an error that recurs."""

from __future__ import annotations

import errno
import logging
import re

import pytest

from app.runs.complaints import Complaints


def test_an_error_is_logged_in_full_once_and_then_counted_at_each_power_of_ten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    complaints = Complaints(logging.getLogger("test"), "The clock")
    with caplog.at_level("INFO"):
        for _ in range(12_345):
            complaints.failed(OSError("no disk"))
            complaints.failed(ValueError("no sense"))
        complaints.succeeded()
        complaints.failed(OSError("no disk"))
        complaints.succeeded()
        complaints.succeeded()
    numbers = [re.findall(r"\d+", message) for message in caplog.messages]
    assert numbers == [[], [], ["10"], ["100"], ["1000"], ["10000"], ["24690"], []]
    assert all("The clock" in message for message in caplog.messages)
    assert all("no sense" in message for message in caplog.messages[2:6])
    assert [record.exc_info is not None for record in caplog.records] == [True, True, *[False] * 5, True]


def test_many_different_errors_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"), "The clock")
    for number in range(5000):
        complaints.failed(OSError(f"no disk {number}"))
    assert len(caplog.records) < 20


def test_a_fault_of_the_machine_needs_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(logging.getLogger("test"), "The clock")
    complaints.failed(PermissionError(errno.EACCES, "Permission denied", "/runs/1/usage.csv"))
    assert [(record.exc_info, "/runs/1/usage.csv" in record.getMessage()) for record in caplog.records] == [
        (None, True)
    ]
