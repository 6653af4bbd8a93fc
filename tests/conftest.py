"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.testbed.bed import Testbed
from tests.testbed.node.fixture import node_testbed as node_testbed

# Property tests are judged by what they find; how long one example takes says only how busy the machine is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def testbed() -> Iterator[Testbed]:
    """The real servers with the healthy platform in them, started when the first test asks; gone after the last."""
    bed = Testbed.start()
    yield bed
    bed.stop()


@pytest.fixture(scope="session")
def bare_testbed() -> Iterator[Testbed]:
    """etcd and the API server only: nothing there changes what a test wrote."""
    bed = Testbed.start(bare=True)
    yield bed
    bed.stop()
