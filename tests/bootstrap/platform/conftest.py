"""The platform on a cluster of its own, in the chapters of one story: nothing, installed, used, removed, new again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.errors import Exit
from tests.bootstrap.platform.cluster import Completed, Platform, control_plane
from tests.bootstrap.platform.state import State, differences, releases, stored
from tests.bootstrap.repository import served
from tests.testbed import network
from tests.testbed.process import poll


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory, helms: dict[str, Path]) -> Iterator[Platform]:
    if not network.available():
        pytest.skip("the API server reaches the test's servers only as root")
    folder = tmp_path_factory.mktemp("platform")
    for name in ("repository", "home"):
        (folder / name).mkdir()
    with control_plane() as bed, served(folder / "repository", helms["helm"]) as repository:
        platform = Platform(bed, repository, helms["helm"], folder / "home")
        yield platform
        platform.stop()
        assert platform.trouble == []


@pytest.fixture(scope="package")
def before(platform: Platform) -> State:
    """What the cluster stores before anything is installed."""
    return stored(platform.bed.api)


@pytest.fixture(scope="package")
def applied(platform: Platform, before: State) -> Completed:
    done = platform.run("apply", "--yes", "--timeout", "240s")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    return done


@pytest.fixture(scope="package")
def state(platform: Platform, applied: Completed) -> State:
    """What the run that nobody disturbed has left."""
    assert set(releases(platform.bed.api).values()) == {"deployed"}
    return stored(platform.bed.api)


@pytest.fixture(scope="package")
def used(platform: Platform, state: State) -> Platform:
    """The platform with the site's applications on it."""
    platform.applications()
    return platform


@pytest.fixture(scope="package")
def destroyed(used: Platform) -> Completed:
    used.applications_end()
    done = used.run("destroy", "--confirm", "platform")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    return done


@pytest.fixture(scope="package")
def new(platform: Platform, before: State, destroyed: Completed) -> Platform:
    """The cluster as it was before, without what a destroy leaves."""
    api = platform.bed.api
    for each in api.list("Namespace"):
        if each["metadata"]["name"] in ("hubops", "logging", "monitoring"):
            api.delete({"apiVersion": "v1", "kind": "Namespace", **each})
    for each in api.list("CustomResourceDefinition"):
        if any(
            field["manager"] != "testbed" and field["manager"] != "kube-apiserver"
            for field in each["metadata"]["managedFields"]
        ):
            api.delete({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", **each})
    poll(lambda: not differences(before, stored(api)), "the cluster as it was before", 90)
    return platform
