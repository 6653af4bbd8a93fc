"""A namespace of its own for each test of backups by Velero."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.velero.world import World
from tests.testbed.velero import Velero


@pytest.fixture
def world(velero: Velero, tmp_path: Path) -> Iterator[World]:
    world = World(velero, tmp_path)
    world.make()
    yield world
    world.clear()
