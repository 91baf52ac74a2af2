"""The check as a program: its cached report, its output and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT
from tests.trainer.preflight.conftest import folders
from trainer.preflight.__main__ import check_once, main


def test_a_report_is_cached_until_a_name_a_size_or_a_time_changes(pets: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "pets.json"
    first = check_once(folders(pets), cache, 60)
    assert check_once(folders(pets), cache, 60) == first
    changed = pets / "train" / "cat" / "0.png"
    for change in (
        lambda: changed.rename(changed.with_name("new.png")),
        lambda: changed.with_name("new.png").write_bytes(b"x"),
        lambda: os.utime(changed.with_name("new.png"), (1, 1)),
        lambda: (pets / "train" / "bird").mkdir(),
        lambda: (pets / "val" / "cat" / "notes.txt").write_text("not an image"),
        lambda: (pets / "val" / "owl").symlink_to("owl"),
    ):
        before = check_once(folders(pets), cache, 60)
        change()
        assert check_once(folders(pets), cache, 60)["checked_at"] > before["checked_at"]
    assert sorted(path.name for path in cache.parent.iterdir()) == ["pets.json", "pets.lock"]


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "report": 7}', b"\xff"])
def test_a_corrupt_report_is_replaced(pets: Path, tmp_path: Path, garbage: bytes) -> None:
    cache = tmp_path / "pets.json"
    cache.write_bytes(garbage)
    assert check_once(folders(pets), cache, 60)["status"] == "checked"
    assert json.loads(cache.read_text())["report"]["status"] == "checked"


def test_two_simultaneous_checks_share_one_report(pets: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "trainer.preflight", str(pets), "--cache", str(tmp_path / "pets.json")]
    processes = [subprocess.Popen(argv, cwd=ROOT) for _ in range(2)]
    assert [process.wait(30) for process in processes] == [0, 0]
    cached = json.loads((tmp_path / "pets.json").read_text())
    assert cached["report"]["status"] == "checked"
    assert cached["pid"] in [process.pid for process in processes]


def test_the_output_and_the_exit_code_say_whether_training_is_possible(pets: Path) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "trainer.preflight", str(pets)]
        return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60)

    good = run()
    assert (good.returncode, good.stderr) == (0, "")
    assert "training is possible" in good.stdout
    (pets / "val" / "cat" / "0.png").write_bytes(b"x")
    bad = run()
    assert bad.returncode == 1
    assert "val/cat/0.png" in bad.stdout
    assert "training is impossible" in bad.stdout


def test_a_folder_that_does_not_exist_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none")]) == 1
    assert f"{tmp_path / 'none'} cannot be read: No such file or directory" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--val-data-dir", str(tmp_path)])


def test_the_option_all_lists_every_file(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(30):
        (pets / "train" / "cat" / f"bad{number}.png").write_bytes(b"x")
    assert main([str(pets)]) == 1
    assert capsys.readouterr().out.count("train/cat/bad") == 20
    assert main([str(pets), "--all"]) == 1
    assert capsys.readouterr().out.count("train/cat/bad") == 30
