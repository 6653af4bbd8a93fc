"""One API server for the tests of the stack, with every kind and every namespace in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack.apiserver import KindServer
from tests.stack.manifests import EVERYWHERE, documents, namespaces
from tests.stack.operated import Operated
from tests.testbed.api import concurrently
from tests.testbed.bed import Testbed


@pytest.fixture(scope="package")
def server() -> Iterator[KindServer]:
    """The API server with the kinds and namespaces of every stack at every site; nothing else is stored there."""
    bed = Testbed.start(bare=True)
    try:
        server = KindServer(bed.api)
        templates = [
            each.object for where in EVERYWHERE for each in documents(*where) if each.kind == "ConstraintTemplate"
        ]
        server.serve_constraints({each["metadata"]["name"]: each for each in templates}.values())
        spaces = {name: each for where in EVERYWHERE for name, each in namespaces(*where).items()}
        refused = [said for said in concurrently(server.store, spaces.values()) if said]
        assert refused == []
        yield server
    finally:
        bed.stop()


@pytest.fixture(scope="package")
def operator(server: KindServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """The Prometheus operator with the Prometheus, Alertmanager, monitors and rules of every site."""
    operator = Operated(tmp_path_factory.mktemp("operator"), server)
    yield operator
    operator.stop()


@pytest.fixture(scope="package")
def untouched() -> Iterator[Testbed]:
    """The healthy platform that no test puts a fault into: rules and dashboards look back further than a test lasts."""
    bed = Testbed.start()
    yield bed
    bed.stop()
