"""Addresses: their names betray no secret, and bad ones are named."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO

import pytest

from app.runs.notify.addresses import AddressInvalid, name_addresses
from app.runs.notify.sending import send, send_test
from tests.receiver import receiving
from tests.servers import ROOT

SECRET = "correct-horse"


@pytest.fixture
def logged() -> Iterator[StringIO]:
    """What the service would log."""
    handler = logging.StreamHandler(StringIO())
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"json://user:{SECRET}@example.org:8080/hooks/{SECRET}?token={SECRET}", "json://example.org:8080"),
        (f"mailto://user:{SECRET}@example.org?to=a@b.org", "mailto://example.org"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "slack://T...2"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord://4...8"),
    ],
)
def test_the_name_of_an_address_betrays_no_secret(url: str, name: str) -> None:
    assert list(name_addresses([url])) == [name]


def test_addresses_with_the_same_name_are_told_apart() -> None:
    urls = ["json://h/a", "json://h/b", "json://g"]
    assert name_addresses(urls) == {"json://h": urls[0], "json://h (2)": urls[1], "json://g": urls[2]}


@pytest.mark.parametrize(
    ("url", "shown"),
    [(f"slack://{SECRET}", "slack://..."), (f"foo://{SECRET}", "foo://..."), (SECRET, "without a scheme")],
)
def test_a_bad_address_is_named_by_its_place_and_scheme(url: str, shown: str, logged: StringIO) -> None:
    with pytest.raises(AddressInvalid) as refused:
        name_addresses(["json://h", url])
    assert f"address 2 ({shown}" in str(refused.value)
    assert SECRET not in str(refused.value) + logged.getvalue()


def test_a_problem_names_no_secret() -> None:
    problem = send(f"json://user:{SECRET}@127.0.0.1:1/{SECRET}?+X-Token={SECRET}", "t", "b", "info")
    assert problem is not None
    assert SECRET not in problem


def test_the_test_reaches_each_address_or_says_why_not() -> None:
    with receiving() as good, receiving() as bad:
        bad.statuses.append(403)
        result = send_test(name_addresses([good.address, bad.address]))
        assert result[good.address] is None
        assert "403" in str(result[bad.address])
        assert [message["type"] for message in good.accepted] == ["info"]


def test_apprise_is_imported_only_if_there_are_addresses() -> None:
    program = (
        "import sys; from app.server.startup import read_settings\n"
        "for addresses in ('', 'json://h'):\n"
        "    read_settings({'TRAINING_NOTIFY': addresses}); print('apprise' in sys.modules)"
    )
    completed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert completed.stdout.split() == ["False", "True"]
