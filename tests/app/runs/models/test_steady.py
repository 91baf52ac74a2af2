"""Reading a model that its program may write at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest

from app.runs.exceptions import FileNotInRun, ModelChanging
from app.runs.models.archive import CHUNK_BYTES, archive
from app.runs.models.model import Download
from app.runs.models.steady import Changed, open_steady
from tests.app.written import write_files
from trainer.rundir import RunDir

CONTENT = os.urandom(300_000)


@contextmanager
def archive_of(folder: Path, *names: str) -> Iterator[Generator[bytes, None, None]]:
    files = open_steady(download_of(folder, *names))
    chunks = archive(files)
    yield chunks
    chunks.close()
    for file in files.values():
        file.close()


def download_of(folder: Path, *names: str, is_final: bool = True) -> Download:
    return Download("m.zip", {name: RunDir(folder).file(name) for name in names}, is_final)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_files(tmp_path, "m.pt", content=CONTENT)
    return tmp_path / "m.pt"


def test_a_file_that_nobody_changes_is_read_whole(path: Path) -> None:
    with open_steady(download_of(path.parent, "m.pt", is_final=False), steady_s=0)["m.pt"] as file:
        assert file.read() == CONTENT
        assert file.read(10) == b""


@pytest.mark.parametrize("change", ["append", "overwrite", "truncate"])
def test_a_file_that_changes_while_it_is_read_is_read_no_further(path: Path, change: str) -> None:
    os.utime(path, (10**9, 10**9))
    with open_steady(download_of(path.parent, "m.pt"))["m.pt"] as file:
        assert file.read(1000) == CONTENT[:1000]
        with open(path, "ab" if change == "append" else "wb" if change == "truncate" else "r+b") as writer:
            writer.write(b"x")
        with pytest.raises(Changed):
            file.read(1000)


def test_a_file_that_is_replaced_is_read_to_its_end(path: Path) -> None:
    with open_steady(download_of(path.parent, "m.pt"))["m.pt"] as file:
        write_files(path.parent, "new.pt")
        (path.parent / "new.pt").replace(path)
        assert file.read() == CONTENT


@contextmanager
def writing(path: Path, wait_s: float, num_times: int) -> Iterator[None]:
    """Rewrite a file so many times, with a pause in between."""
    is_over = threading.Event()

    def write() -> None:
        for number in range(num_times):
            if is_over.wait(wait_s):
                return
            path.write_bytes(CONTENT + bytes(number))

    writer = threading.Thread(target=write)
    writer.start()
    yield
    is_over.set()
    writer.join()


def test_a_file_that_is_being_written_is_refused(path: Path) -> None:
    with writing(path, 0.01, 10**6), pytest.raises(ModelChanging, match=r"m\.pt is being written"):
        open_steady(download_of(path.parent, "m.pt", is_final=False), steady_s=0.2)


def test_a_download_waits_for_the_end_of_a_write(path: Path) -> None:
    download = download_of(path.parent, "m.pt", is_final=False)
    with writing(path, 0.05, 12), open_steady(download)["m.pt"] as file:
        assert file.read() == CONTENT + bytes(11)


def test_a_file_that_is_gone_or_closed_is_refused(path: Path) -> None:
    with pytest.raises(FileNotInRun, match="gone"):
        open_steady(download_of(path.parent, "m.pt", "gone.pt"))


def test_an_archive_holds_the_files_with_their_names_and_times(path: Path) -> None:
    write_files(path.parent, "sub/größe.bin", "empty", content=b"weights")
    (path.parent / "empty").write_bytes(b"")
    for name, time in (("m.pt", 10**9), ("empty", 0), ("sub/größe.bin", 2**33)):
        os.utime(path.parent / name, (time, time))
    with archive_of(path.parent, "m.pt", "sub/größe.bin", "empty") as sent:
        chunks = list(sent)
    assert max(map(len, chunks)) < 2 * CHUNK_BYTES
    with ZipFile(BytesIO(b"".join(chunks))) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["m.pt", "sub/größe.bin", "empty"]
        assert [packed.read(name) for name in packed.namelist()] == [CONTENT, b"weights", b""]
        assert {entry.compress_type for entry in packed.infolist()} == {ZIP_STORED}
        assert [entry.date_time[0] for entry in packed.infolist()] == [2001, 2096, 1982]


def test_an_archive_ends_in_an_error_if_a_file_changes(path: Path) -> None:
    os.utime(path, (10**9, 10**9))
    with archive_of(path.parent, "m.pt") as chunks:
        next(chunks)
        path.write_bytes(CONTENT)
        with pytest.raises(Changed):
            list(chunks)


def test_an_archive_may_be_larger_than_4_gib(tmp_path: Path) -> None:
    """A file of that size is sparse, and we pack only its first chunks."""
    with open(tmp_path / "w.bin", "wb") as file:
        file.truncate(5 * 2**30)
    with archive_of(tmp_path, "w.bin") as chunks:
        header = next(chunks)[:60]
    assert header[:4] == b"PK\3\4"
    assert header[18:26] == b"\xff" * 8  # The sizes follow in the ZIP64 field.
