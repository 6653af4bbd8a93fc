"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from tests.testbed.bed import Testbed
from tests.testbed.csi import Csi
from tests.testbed.node.fixture import node_csi as node_csi
from tests.testbed.node.fixture import node_testbed as node_testbed
from tests.testbed.object_store import ObjectStore
from tests.testbed.store_faults import StoreFaults
from tests.testbed.velero import Velero
from tests.testbed.velero_platform import VeleroPlatform

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


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A real S3 server over plain HTTP; tests share its bucket, so each uses keys under a prefix of its own."""
    store = ObjectStore.start(tmp_path_factory.mktemp("s3") / "store")
    yield store
    store.stop()


@pytest.fixture
def writer(bare_testbed: Testbed) -> KubeWriter:
    """It may write to the bare testbed."""
    return KubeWriter(KubernetesConfig(kubeconfig=str(bare_testbed.kubeconfig)), deadline=Deadline(300), environ={})


@pytest.fixture(scope="session")
def store_faults(object_store: ObjectStore) -> Iterator[StoreFaults]:
    """A proxy before `object_store` that lets it fail when a test says so."""
    proxy = StoreFaults.start(object_store)
    yield proxy
    proxy.stop()


@pytest.fixture(scope="session")
def csi() -> Iterator[Csi]:
    """An API server with its controllers, where claims get volumes and snapshots of them are taken; no pod runs."""
    bed = Testbed.start(bare=True, controllers=True)
    yield Csi.start(bed)
    bed.stop()


@pytest.fixture(scope="session")
def velero_platform() -> Iterator[VeleroPlatform]:
    """A Velero in a cluster where what it restores becomes ready; its files are in one unit of tests/workers.py."""
    platform = VeleroPlatform.start()
    yield platform
    platform.stop()


@pytest.fixture(scope="session")
def velero(velero_platform: VeleroPlatform) -> Velero:
    """The Velero of `velero_platform`, for tests that need nothing but it."""
    return velero_platform.velero
