"""A cluster for each file of tests, and what may outlive a test there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.slurm.cluster import Cluster, is_daemon, obstacle


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster. A test that kills a daemon starts it again."""
    if (reason := obstacle()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    shared = Cluster(tmp_path_factory.mktemp("cluster")).start()
    yield shared
    shared.stop()


@pytest.fixture
def is_shared(is_shared: Callable[[psutil.Process], bool]) -> Callable[[psutil.Process], bool]:
    """A daemon that a test has started again serves the next tests."""
    return lambda process: is_daemon(process) or is_shared(process)
