"""The slots that runs hold, taken and inspected by real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.runs.executors.local.slots import Slot, Slots, Taken
from tests.servers import ROOT

TAKE = """
import sys, pathlib, types
sys.modules["app"] = types.ModuleType("app")  # The slots alone, without the service.
sys.modules["app"].__path__ = ["app"]
from app.runs.executors.local.slots import Slots
folder, count, run_id = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
taken = Slots(folder, count).take(run_id, 0, (), lambda: None)
print("taken" if taken else "refused", flush=True)
sys.stdin.read()
"""


def nothing() -> None:
    """Reveal nothing."""


def take(slots: Slots, run_id: str, num_gpus: int = 0, others: tuple[Slot, ...] = ()) -> Taken:
    taken = slots.take(run_id, num_gpus, others, nothing)
    assert taken is not None, "a slot is free but was not taken"
    return taken


def held(slots: Slots) -> list[str]:
    return [slot.run_id for slot in slots.held()]


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    return Slots(tmp_path / "logs" / "slots", 1)


def test_slots_never_taken_are_free(slots: Slots) -> None:
    assert slots.held() == []
    assert not slots.folder.exists(), "an inspection writes nothing"


def test_a_taken_slot_names_its_run_until_the_descriptor_is_closed(slots: Slots) -> None:
    taken = take(slots, "run-1")
    assert held(slots) == ["run-1"]
    assert slots.take("run-2", 0, (), lambda: pytest.fail("a run without a slot must not be revealed")) is None
    os.close(taken.descriptor)
    assert held(slots) == []


def test_a_shorter_name_replaces_a_longer_one(slots: Slots) -> None:
    for name in ("a-very-long-run-id", "b"):
        taken = take(slots, name)
        assert held(slots) == [name]
        os.close(taken.descriptor)


def test_a_run_that_cannot_be_revealed_leaves_its_slot_free(slots: Slots) -> None:
    def fail() -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        slots.take("run-1", 0, (), fail)
    assert held(slots) == []


def test_the_slot_lasts_as_long_as_the_process_that_inherited_it(slots: Slots) -> None:
    taken = take(slots, "run-1")
    heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(taken.descriptor,))
    os.close(taken.descriptor)
    assert held(slots) == ["run-1"]
    heir.kill()
    heir.wait()
    assert held(slots) == []
    assert heir.stdin is not None
    heir.stdin.close()


def test_an_inspection_never_makes_a_launch_fail(slots: Slots) -> None:
    """An inspection takes each lock for an instant. A launch at that moment must still succeed."""
    with ThreadPoolExecutor(4) as inspectors:
        inspections = [inspectors.submit(lambda: [each for _ in range(2000) for each in held(slots)]) for _ in range(4)]
        for number in range(300):
            os.close(take(slots, str(number)).descriptor)
        seen = {name for inspection in inspections for name in inspection.result()}
    assert seen <= {str(number) for number in range(300)}


@pytest.mark.parametrize("count", [1, 3])
def test_as_many_of_many_processes_get_a_slot_as_there_are(tmp_path: Path, count: int) -> None:
    slots = Slots(tmp_path / "slots", count)
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, str(slots.folder), str(count), f"run-{number}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    answers = [taker.stdout.readline().strip() for taker in takers if taker.stdout]
    assert sorted(answers) == ["refused"] * (8 - count) + ["taken"] * count
    assert set(held(slots)) == {f"run-{number}" for number, answer in enumerate(answers) if answer == "taken"}
    for taker in takers:
        taker.communicate("")
    assert held(slots) == []


def test_a_run_holds_one_slot_only(tmp_path: Path) -> None:
    """Two processes may try to launch the same queued run."""
    slots = Slots(tmp_path / "slots", 2)
    taken = take(slots, "run-1")
    assert slots.take("run-1", 0, (), nothing) is None
    os.close(taken.descriptor)


def test_gpus_are_divided_and_come_back(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "slots", 3, ("GPU-a", "GPU-b", "GPU-c"))
    first, second = take(slots, "run-1", 2), take(slots, "run-2", 1)
    assert (first.slot.gpus, second.slot.gpus) == (("GPU-a", "GPU-b"), ("GPU-c",))
    assert slots.held() == [first.slot, second.slot]
    assert slots.take("run-3", 1, (), nothing) is None
    third = take(slots, "run-3", 0)
    os.close(first.descriptor)
    assert slots.take("run-4", 3, (), nothing) is None
    fourth = take(slots, "run-4", 2)
    assert fourth.slot == Slot(first.slot.path, "run-4", ("GPU-a", "GPU-b"))
    for taken in (second, third, fourth):
        os.close(taken.descriptor)


def test_a_run_without_a_slot_counts_too(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "slots", 2, ("GPU-a", "GPU-b"))
    survivor = Slot(slots.folder, "survivor", ("GPU-a",))
    taken = take(slots, "run-1", 1, (survivor,))
    assert taken.slot.gpus == ("GPU-b",)
    assert slots.take("run-2", 0, (survivor,), nothing) is None
    os.close(taken.descriptor)


def test_fewer_slots_than_before_leave_the_active_runs_alone(tmp_path: Path) -> None:
    """A service with a smaller TRAINING_MAX_ACTIVE starts while three runs are active."""
    before, after = Slots(tmp_path / "slots", 3), Slots(tmp_path / "slots", 1)
    taken = [take(before, f"run-{number}") for number in range(3)]
    assert held(after) == ["run-0", "run-1", "run-2"]
    os.close(taken[0].descriptor)
    assert after.take("run-4", 0, (), nothing) is None, "two runs are still active"
    for each in taken[1:]:
        os.close(each.descriptor)
    os.close(take(after, "run-4").descriptor)
