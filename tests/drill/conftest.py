"""Fixtures of drills."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.drill.world import RESTORING, path_of
from tests.testbed.object_store import ObjectStore


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A PATH with what restores an etcd, and no API server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path_of(tmp_path_factory.mktemp("path") / "bin", *RESTORING))
        yield


@pytest.fixture(scope="module")
def environment(object_store: ObjectStore, programs: None) -> Iterator[None]:
    """And the credentials of the store."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in object_store.environment().items():
            patch.setenv(name, value)
        yield
