"""Helm in both majors, a chart repository, and clusters to write to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bootstrap.repository import Repository, served
from tests.bootstrap.world import World
from tests.testbed import build, sample
from tests.testbed.bed import Testbed


@pytest.fixture(scope="session")
def helms() -> dict[str, Path]:
    return build.programs(families=("helm", "helm4"))


@pytest.fixture
def repository(tmp_path: Path, helms: dict[str, Path]) -> Iterator[Repository]:
    (tmp_path / "repository").mkdir()
    with served(tmp_path / "repository", helms["helm"]) as repository:
        yield repository


@pytest.fixture(scope="session")
def bed() -> Iterator[Testbed]:
    """A control plane with nodes and nothing on them."""
    bed = Testbed.start(sample=False)
    for node in sample.nodes():
        bed.api.apply(node)
    yield bed
    bed.stop()


@pytest.fixture
def world(
    request: pytest.FixtureRequest, bed: Testbed, repository: Repository, helms: dict[str, Path], tmp_path: Path
) -> Iterator[World]:
    """Its own corner of the cluster, with Helm 3 unless a test is parametrized with the other."""
    world = World(bed, repository, helms, tmp_path, getattr(request, "param", "helm"))
    yield world
    world.clear()
