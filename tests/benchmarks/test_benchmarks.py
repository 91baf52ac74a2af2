"""The benchmarks still work: `make bench` takes too long for every change."""

from __future__ import annotations

import importlib
import inspect

import pytest

from benchmarks.__main__ import names


@pytest.mark.parametrize("name", names())
def test_a_benchmark_can_be_imported_and_says_what_it_measures(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert module.__doc__
    assert inspect.isgeneratorfunction(module.measure)


@pytest.mark.live
def test_a_short_queue_is_measured() -> None:
    from benchmarks import long_queue  # Not at the top: every process that collects tests would import its baselines.

    figures = list(long_queue.beside_a_short_queue(rounds=1, number=2, few=1, dispatched=1))
    assert len(figures) == 4
    assert all(value > 0 for figure in figures for value in (*figure.ours, *figure.baseline))


@pytest.mark.live
def test_two_runs_are_followed_at_once() -> None:
    from benchmarks import several_runs

    following = several_runs.follow(num_runs=2, num_clients=2, num_rows=3)
    assert (following.num_lost, following.p50_ms > 0) == (0, True)
