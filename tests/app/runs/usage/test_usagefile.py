"""usage.csv: rows are appended and merged, and its writer and readers cope with a damaged file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.runs.usage.rows import EVERY_S, MAX_ROWS, OF_GPU, Row, gpu_column
from app.runs.usage.usagefile import UsageFile, read_rows
from trainer.rundir import RunDir

DAY_S = 24 * 3600


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path)


def row(time: float, cpu_percent: float = 100.0, memory_mb: float = 500.0) -> Row:
    return {"time": time, "cpu_percent": cpu_percent, "memory_mb": memory_mb}


def read(run: RunDir) -> list[Row]:
    return read_rows(run.file(run.usage))


def test_rows_are_appended_to_the_same_file_by_the_next_writer(run: RunDir) -> None:
    UsageFile(run).append(row(2))
    inode = run.usage.stat().st_ino
    UsageFile(run).append(row(4, cpu_percent=12.34))
    assert read(run) == [row(2), row(4, cpu_percent=12.3)]
    assert run.usage.stat().st_ino == inode


def test_a_day_with_eight_gpus_is_about_100_kb_and_keeps_the_peak_of_memory(run: RunDir) -> None:
    file, time, sizes = UsageFile(run), 1764149064, []
    of_gpus = {gpu_column(index, name): 12345.6 for index in range(8) for name in OF_GPU}
    end = time + DAY_S
    while time < end:
        time += file.every_s
        file.append(row(time, memory_mb=9000 if len(sizes) == 300 else 500) | of_gpus)
        sizes.append(run.usage.stat().st_size)
    rows = read(run)
    assert max(each["memory_mb"] for each in rows) == 9000
    assert MAX_ROWS / 2 <= len(rows) <= MAX_ROWS
    assert rows[-1]["time"] == time
    assert max(sizes) < 250_000  # With values twice as long as real ones.


def test_thinning_keeps_means_and_peaks_and_the_next_writer_finds_the_interval(run: RunDir) -> None:
    file = UsageFile(run)
    for i in range(MAX_ROWS + 2):
        file.append(row(EVERY_S * i, cpu_percent=100 * (i % 2), memory_mb=i))
    rows = read(run)
    assert rows[:2] == [row(2, cpu_percent=50, memory_mb=1), row(6, cpu_percent=50, memory_mb=3)]
    assert (file.every_s, UsageFile(run).every_s) == (2 * EVERY_S, 2 * EVERY_S)


def test_the_interval_is_found_although_the_service_was_away(run: RunDir) -> None:
    file = UsageFile(run)
    for time in (0, 2, 4, 5000, 5002, 5004.5):
        file.append(row(time))
    assert UsageFile(run).every_s == EVERY_S


@pytest.mark.parametrize("torn", ["4,", "4,100,50", "nan,1,1\n", "4,1\n", "\x00\x00\n", "time,cpu_percent,memory_mb\n"])
def test_what_is_no_whole_row_is_left_out_and_repaired(run: RunDir, torn: str) -> None:
    UsageFile(run).append(row(2))
    with open(run.usage, "a") as file:
        file.write(torn)
    assert read(run) == [row(2)]
    UsageFile(run).append(row(6))
    assert run.usage.read_text().splitlines() == ["time,cpu_percent,memory_mb", "2,100,500", "6,100,500"]


def test_a_writer_notices_what_another_one_wrote(run: RunDir) -> None:
    first = UsageFile(run)
    first.append(row(2))
    UsageFile(run).append(row(4))
    first.append(row(6))
    assert [each["time"] for each in read(run)] == [2, 4, 6]


def test_a_gpu_that_is_measured_later_gets_columns(run: RunDir) -> None:
    file = UsageFile(run)
    file.append(row(2))
    file.append(row(4) | {gpu_column(1, "power_w"): 70})
    assert read(run) == [row(2), row(4) | {gpu_column(1, "power_w"): 70}]


def link(run: RunDir, target: Path) -> None:
    run.usage.symlink_to(target)


def remove(run: RunDir, target: Path) -> None:
    run.usage.unlink(missing_ok=True)


@pytest.mark.parametrize("damage", [link, remove])
def test_a_file_that_somebody_replaced_is_begun_again(
    run: RunDir, tmp_path_factory: pytest.TempPathFactory, damage: Callable[[RunDir, Path], None]
) -> None:
    secret = tmp_path_factory.mktemp("secret") / "file"
    secret.write_text("keep")
    file = UsageFile(run)
    file.append(row(2))
    run.usage.unlink()
    damage(run, secret)
    file.append(row(4))
    assert read(run) == [row(4)]
    assert secret.read_text() == "keep"
