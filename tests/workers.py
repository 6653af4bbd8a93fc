"""How several workers share the tests (`pytest -n 2`, as in `make test`); one process alone is not affected.

Files that use the same servers go to one worker, so that these start once, and end with the last of those files: they
cost a tenth of a core each, also where nobody asks them. Every other file goes by itself.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

#: What uses the same servers, by how the names of its files begin. What takes longest begins first, so that nobody
#: waits for it at the end. The healthy platform is there twice: one worker alone would be busy with it for too long.
TOGETHER = {
    "platform": ("tests/collect/", "tests/end_to_end/", "tests/test_deploy"),
    "faults": ("tests/testbed/test_faults", "tests/testbed/test_runbook"),
    "bootstrap": ("tests/bootstrap/test_", "tests/bootstrap/gates/"),
    "stack": ("tests/stack/",),
    "node": ("tests/testbed/node/", "tests/drill/test_volumes_on_a_node", "tests/drill/velero/test_checks_on_a_node"),
    "velero": ("tests/backup/velero/", "tests/drill/velero/", "tests/clients/test_velero", "tests/testbed/test_velero"),
    "whole platform": ("tests/bootstrap/platform/",),
}


def unit(nodeid: str) -> str:
    """What the test of this name shares a worker with: a key of TOGETHER, or its file."""
    return next((name for name, files in TOGETHER.items() if nodeid.startswith(files)), nodeid.partition("::")[0])


class ByServers(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Hands out one unit after the other, in the order in which the tests stand."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByServers:
    config.option.loadscopereorder = False  # it would begin what has the most tests, however short they are
    return ByServers(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        first = list(TOGETHER)
        items.sort(key=lambda item: first.index(name) if (name := unit(item.nodeid)) in TOGETHER else len(first))


#: The fixtures of the whole session that this worker has set up, in their order.
_of_the_session: list[tuple[pytest.FixtureDef[Any], pytest.FixtureRequest]] = []


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    value = yield
    if fixturedef.scope == "session":
        _of_the_session.append((fixturedef, request))
    return value


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """After the last test of those that are TOGETHER, the servers of theirs; a later test that wants one starts it."""
    value = yield
    name = unit(item.nodeid)
    if hasattr(item.config, "workerinput") and nextitem and name in TOGETHER and unit(nextitem.nodeid) != name:
        while _of_the_session:
            fixture, request = _of_the_session.pop()
            fixture.finish(request)  # type: ignore[arg-type]  # it is one of a fixture
    return value
