"""The real node as a pytest fixture."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.testbed.node import requirements
from tests.testbed.node.bed import NodeTestbed

REQUIRED = "HUBOPS_TEST_NODE"


@pytest.fixture(scope="session")
def node_testbed() -> Iterator[NodeTestbed]:
    """A testbed with a real node, started when the first test asks; gone after the last.

    Where it cannot run the test is skipped with the list of what is missing, or fails with it when
    HUBOPS_TEST_NODE=required.
    """
    if lacking := requirements.missing():
        message = f"no real node on this machine; missing: {'; '.join(lacking)}"
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(message)
        pytest.skip(message)
    bed = NodeTestbed.with_node()
    yield bed
    bed.stop()
