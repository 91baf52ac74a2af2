"""The identity of a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from trainer.runner.process import children, end_with_parent, is_alive, start_time


def test_a_process_is_distinguished_from_a_later_one_with_its_pid() -> None:
    own = start_time(os.getpid())
    assert own is not None
    assert start_time(os.getpid()) == own
    assert is_alive(os.getpid(), own)
    assert not is_alive(os.getpid(), own + "1")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert start_time(other.pid) not in (None, own)
        assert other.pid in children(os.getpid())


@pytest.mark.parametrize("pid", [None, 0, -1, "1", 1.5, [], 2**40])
def test_a_value_that_is_not_a_pid_is_not_alive(pid: object) -> None:
    assert not is_alive(pid, start_time(os.getpid()))


def test_a_process_without_a_known_start_time_is_not_alive() -> None:
    assert not is_alive(os.getpid(), None)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only /proc shows zombies")
def test_a_zombie_has_no_start_time() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(ended.pid) is None
    assert ended.pid in children(os.getpid())
    ended.wait()
    assert start_time(ended.pid) is None


def test_a_program_name_may_have_parentheses_and_spaces(tmp_path: os.PathLike[str]) -> None:
    program = os.path.join(tmp_path, ") R 1 (")
    os.symlink("/bin/sleep", program)
    with subprocess.Popen([program, "100"]) as odd:
        try:
            assert odd.pid in children(os.getpid())
            assert start_time(odd.pid) is not None
        finally:
            odd.kill()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a process with its parent")
@pytest.mark.parametrize(("is_parent", "code"), [(True, 0), (False, -signal.SIGKILL)])
def test_a_process_ends_if_its_parent_ended_before_it_could_ask_for_that(is_parent: bool, code: int) -> None:
    parent = os.getpid() if is_parent else os.getppid()
    end = partial(end_with_parent, parent)
    assert subprocess.run([sys.executable, "-c", ""], preexec_fn=end).returncode == code
