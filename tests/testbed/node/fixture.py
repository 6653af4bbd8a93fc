"""The real node as a pytest fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testbed.csi import Csi
from tests.testbed.node import requirements
from tests.testbed.node.bed import NodeTestbed


@pytest.fixture(scope="session")
def node_testbed() -> Iterator[NodeTestbed]:
    """A testbed with a real node, started when the first test asks; gone after the last.

    Where it cannot run the tests are skipped with the list of all that is missing.
    """
    if lacking := requirements.missing():
        pytest.skip(f"no real node on this machine; missing: {'; '.join(lacking)}")
    bed = NodeTestbed.with_node()
    yield bed
    bed.stop()


@pytest.fixture(scope="module")
def node_csi(node_testbed: NodeTestbed) -> Iterator[Csi]:
    """On the real node, claims whose volumes pods mount; all of it is gone after the tests of the module."""
    csi = Csi.start(node_testbed)
    yield csi
    csi.stop()
