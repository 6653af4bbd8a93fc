"""Storage and snapshot classes are what docs/platform.md says, at every site; and nothing names another class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hubops import content
from hubops.stack.load import load
from hubops.stack.render import render
from tests.stack.manifests import EVERYWHERE, named
from tests.stack.rendered import SITES, objects, rendered, site, site_file
from tests.stack.test_site import read
from tests.testbed.api import Object

DEFAULT = "storageclass.kubernetes.io/is-default-class"
DISKS = {"fast-ssd", "standard-ssd", "standard-hdd"}
DRIVERS = {"aws": "ebs.csi.aws.com", "gcp": "pd.csi.storage.gke.io", "azure": "disk.csi.azure.com",
           "none": "rbd.csi.ceph.com"}  # fmt: skip
#: The parameter that holds the IOPS: a driver ignores, or refuses, the name that another one has for them.
IOPS = {"aws": "iops", "gcp": "provisioned-iops-on-create", "azure": "DiskIOPSReadWrite"}


def classes(site_name: str) -> dict[str, Object]:
    return {each["metadata"]["name"]: each for each in objects(site_name, "StorageClass")}


@pytest.mark.parametrize("where", SITES)
def test_every_site_has_its_classes_and_one_default(where: str) -> None:
    storage, found = site(where).storage, classes(where)
    optional = {"nfs-storage": storage.nfs is not None, "local-ssd": storage.local}
    assert found.keys() == DISKS | {name for name, wanted in optional.items() if wanted}
    defaults = [name for name, each in found.items() if each["metadata"]["annotations"][DEFAULT] == "true"]
    assert defaults == [storage.default_class]
    for name in DISKS:
        assert found[name]["provisioner"] == DRIVERS[where]
        assert found[name]["allowVolumeExpansion"] is True
        assert found[name]["volumeBindingMode"] == "WaitForFirstConsumer"
    kept = {name for name, each in found.items() if each["reclaimPolicy"] == "Retain"}
    assert kept == found.keys() & {"fast-ssd", "standard-hdd", "local-ssd"}


@pytest.mark.parametrize("cloud", IOPS)
def test_fast_is_16000_iops(cloud: str) -> None:
    found = classes(cloud)
    assert found["fast-ssd"]["parameters"][IOPS[cloud]] == "16000"
    # pd-balanced has no parameter for them: 3,000 is its least.
    standard = found["standard-ssd"]["parameters"]
    assert standard.get(IOPS[cloud]) == "3000" or standard == {"type": "pd-balanced"}


def with_settings(tmp_path: Path, where: str, **storage: Any) -> dict[str, Object]:
    """The storage classes of the site *where* with *storage* among its settings."""
    settings = yaml.safe_load(site_file(where).read_text(encoding="utf-8"))
    settings["platform"].setdefault("storage", {}).update(storage)
    deploy = content.folder("deploy")
    component = render(load(deploy / "stack.yaml"), deploy, read(tmp_path, settings), "storage")
    return {each["metadata"]["name"]: each for each in component.objects() if each["kind"] == "StorageClass"}


def test_a_site_chooses_other_disks_and_keeps_its_encryption(tmp_path: Path) -> None:
    key = site("aws").aws
    assert key
    assert key.encryption_key
    found = with_settings(tmp_path, "aws", parameters={"standard-hdd": {"type": "sc1"}})
    encrypted = {"encrypted": "true", "kmsKeyId": key.encryption_key}
    assert found["standard-hdd"]["parameters"] == {"type": "sc1", **encrypted}
    for name in DISKS:
        assert encrypted.items() <= found[name]["parameters"].items()


def test_an_efs_is_used_through_its_access_points_and_other_servers_as_they_are(tmp_path: Path) -> None:
    assert classes("aws")["nfs-storage"]["parameters"]["fileSystemId"] == "fs-0123456789abcdef0"
    other = with_settings(tmp_path, "aws", nfs={"server": "10.0.0.9", "path": "/shared"})["nfs-storage"]
    assert other["provisioner"] == "nfs.csi.k8s.io"
    assert other["parameters"].items() >= {"server": "10.0.0.9", "share": "/shared"}.items()


@pytest.mark.parametrize("where", SITES)
def test_velero_finds_the_one_snapshot_class(where: str) -> None:
    (snapshots,) = objects(where, "VolumeSnapshotClass")
    assert snapshots["driver"] == DRIVERS[where]
    assert snapshots["metadata"]["labels"] == {"velero.io/csi-volumesnapshot-class": "true"}
    assert snapshots["deletionPolicy"] == "Retain"


@pytest.mark.parametrize(("stack", "where"), EVERYWHERE)
def test_every_class_that_is_named_is_made(stack: str, where: str) -> None:
    used = {
        (name, each)
        for name, component in rendered(where, stack).items()
        for each in named(component, "storageClass", "storageClassName")
    }
    assert {each for each in used if each[1] not in classes(where)} == set()
    assert {name for name, _ in used} >= {"monitoring", "loki"}
