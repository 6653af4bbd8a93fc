"""A backup by a real Velero, judged by what the cluster really has."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hubops.backup.velero.take import _Backup, take
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import Duration
from hubops.config.backup import Objectives
from hubops.journal.journal import Journal
from hubops.report.runs import about
from tests.backup.velero.world import World, record
from tests.testbed.process import poll
from tests.testbed.velero_platform import VeleroPlatform


def definition(kind: str) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.late.example.com"},
        "spec": {
            "group": "late.example.com", "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }  # fmt: skip


def test_hundreds_of_objects_of_a_dozen_kinds(velero_platform: VeleroPlatform, tmp_path: Path) -> None:
    world = World(velero_platform.velero, tmp_path)
    applied = velero_platform.fill(world.space, ready=False, volumes=False)
    try:
        run = world.take()
    finally:
        world.clear()
    found = record(run)
    assert (run.outcome, run.reason) == ("succeeded", None), world.told.lines
    assert len({each["kind"] for each in applied}) >= 12
    assert found.expected is not None
    assert found.items >= found.expected > len(applied) > 200  # the namespace itself is one, too
    assert (found.namespaces, found.missing_total, found.not_compared) == ((world.space,), 0, ())
    assert about(run) == f"{found.name}: {found.items:,} objects of 1 namespace"


def test_a_snapshot_is_taken_or_refused(world: World, velero_platform: VeleroPlatform) -> None:
    velero_platform.csi.claim(world.space, "data")
    run = world.take(volumes=True)
    assert (run.outcome, record(run).volumes) == ("succeeded", 1), run.reason
    assert about(run).endswith(" objects of 1 namespace, 1 volume")
    template = {"includedNamespaces": [world.space], "snapshotVolumes": True, "csiSnapshotTimeout": "1s", "ttl": "720h"}
    schedule = world.client.create_schedule(
        world.space, {"schedule": "0 3 1 1 *", "template": template, "paused": True}
    )
    velero_platform.csi.fail("CreateSnapshot", "RESOURCE_EXHAUSTED", "no space left in the pool")
    try:
        run = world.take(schedule=world.space)
    finally:
        velero_platform.csi.heal()
        world.client.delete(schedule)
    found = record(run)
    assert (run.outcome, found.phase, found.volumes) == ("partial", "PartiallyFailed", 0)
    assert found.errors


def test_the_rights_of_the_cronjob_are_enough(world: World, tmp_path: Path) -> None:
    config = world.deployed()
    cluster = KubeWriter(config.kubernetes, deadline=Deadline(300), environ={})
    run = take(config, Journal(cluster, tmp_path / "spool"), say=world.told)
    assert run.id in [each.id for each in world.journal.runs("velero")]
    found = record(run)
    assert (run.outcome, found.phase, found.missing) == ("succeeded", "Completed", ()), run.reason
    assert found.expected
    assert "secrets" in found.not_compared
    assert "configmaps" not in found.not_compared
    assert about(run).endswith(", not all of it compared")


def test_what_nobody_wants_and_what_comes_and_goes_meanwhile_is_not_missed(world: World) -> None:
    held = {**world.map("going"), "metadata": {**world.map("going")["metadata"], "finalizers": ["example.com/wait"]}}
    world.api.apply(world.map("unwanted", **{"velero.io/exclude-from-backup": "true"}))
    world.api.apply(held)
    world.api.delete(held)

    def meanwhile() -> None:
        world.api.delete(world.map("map-0"))
        world.api.delete(world.map("map-1"))
        world.api.apply(world.map("new"))

    world.told.on["asking for"] = meanwhile
    world.told.on["comparing it with"] = lambda: world.api.apply(world.map("map-1"))  # another one of that name
    run = world.take()
    world.api.patch(held, {"metadata": {"finalizers": None}})
    found = record(run)
    assert (run.outcome, found.missing) == ("succeeded", ()), run.reason
    assert not world.told.on


def test_a_kind_that_velero_does_not_know_yet_is_missing(world: World) -> None:
    """Its server looks for new kinds every five minutes, and completes backups without them."""
    crd = definition("Gadget")
    world.api.apply(crd)
    poll(lambda: world.api.serves("Gadget"), "the kind served")
    world.api.apply(
        {"apiVersion": "late.example.com/v1", "kind": "Gadget", "metadata": {"namespace": world.space, "name": "one"}}
    )
    try:
        run = world.take()
    finally:
        world.api.delete(crd)
    found = record(run)
    assert (run.outcome, found.phase) == ("partial", "Completed")
    assert found.missing == (f"Gadget.late.example.com {world.space}/one",)
    assert f"it lacks 1 of {found.expected} objects of the cluster: Gadget" in str(run.reason)


def test_cluster_scoped_objects_are_compared_where_they_are_asked_for(world: World) -> None:
    few, all_of_them = record(world.take()), record(world.take(cluster_resources=True))
    assert few.expected
    assert all_of_them.expected
    assert all_of_them.expected - few.expected > 50  # ClusterRoles, CustomResourceDefinitions, StorageClasses …
    assert all_of_them.missing == ()


def test_a_template_with_labels_and_kinds_is_followed(world: World) -> None:
    selector = {"tier": "web"}
    world.api.apply(world.map("web", **selector))
    template = {
        "includedNamespaces": [world.space], "labelSelector": {"matchLabels": selector},
        "excludedNamespaceScopedResources": ["secrets"], "snapshotVolumes": False, "ttl": "720h",
    }  # fmt: skip
    schedule = world.client.create_schedule(
        world.space, {"schedule": "0 3 1 1 *", "template": template, "paused": True}
    )
    try:
        run = world.take(schedule=world.space)
        found = record(run)
        assert (run.outcome, found.expected, found.schedule) == ("succeeded", 1, world.space), run.reason
        assert found.name.startswith(f"{world.space}-20")
        assert (found.narrowed, run.narrowed) == (True, True)
        assert f"schedule {world.space}: it is paused: Velero makes no backups by it" in world.told.lines
        run = world.take(schedule=world.space, narrowed=("absent",))
        assert run.outcome == "failed"
    finally:
        world.client.delete(schedule)
    run = world.take(schedule=world.space)
    assert (run.outcome, run.narrowed, about(run)) == ("failed", True, "")
    assert f"there is no Schedule {world.space}" in str(run.reason)


def test_a_policy_that_leaves_out_objects_is_velero_s_alone(world: World) -> None:
    policy = {"version": "v1", "includeExcludePolicy": {"excludedNamespaceScopedResources": ["configmaps"]}}
    reference = {"kind": "configmap", "name": world.space}
    template = {
        "includedNamespaces": [world.space],
        "snapshotVolumes": False,
        "resourcePolicy": reference,
        "ttl": "720h",
    }
    stored = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "velero", "name": world.space}}
    world.api.apply({**stored, "data": {"policy.yaml": json.dumps(policy)}})
    spec = {"schedule": "0 3 1 1 *", "template": template, "paused": True}
    schedule = world.client.create_schedule(world.space, spec)
    try:
        run = world.take(schedule=world.space)
    finally:
        world.client.delete(schedule)
        world.api.delete(stored)
    assert (run.outcome, record(run).expected) == ("succeeded", None), run.reason
    assert "leaves out objects by includeExcludePolicy" in record(run).not_compared[0]
    assert about(run).endswith(", not all of it compared")


def test_a_namespace_that_is_not_there(world: World) -> None:
    run = world.take(namespaces=(world.space, "absent"))
    assert run.outcome == "partial"
    assert "its spec names what is not there: namespace absent" in str(run.reason)
    run = world.take(namespaces=("absent-*",))
    assert (run.outcome, record(run).phase, record(run).items) == ("failed", "Completed", 0)
    assert "is empty" in str(run.reason)


def test_another_backup_of_the_same_second_has_that_name(world: World) -> None:
    taken = "hubops-20260131020000"
    world.client.create_backup(taken, {"includedNamespaces": [world.space]})
    settings = world.config()
    at = datetime(2026, 1, 31, 2, microsecond=42, tzinfo=UTC)
    assert settings.backup.velero
    backup = _Backup(world.client, settings.backup.velero, world.journal, world.told, None, (), started=at)
    backup.take()
    run = backup.record()
    assert (run.outcome, record(run).name) == ("succeeded", f"{taken}-000042"), run.reason


def test_a_backup_that_goes_before_the_next_one_comes(world: World) -> None:
    run = world.take(ttl=Duration(hours=1), objectives=Objectives(rpo=Duration(hours=6)))
    assert run.outcome == "partial"
    assert "it expires 1h after its beginning, and objectives.rpo is 6h" in str(run.reason)


def test_what_velero_refuses(world: World) -> None:
    run = world.take(namespaces=(world.space,), exclude=(world.space,))
    assert (run.outcome, record(run).phase) == ("failed", "FailedValidation")
    assert "excludes list cannot contain an item in the includes list" in str(run.reason)


def phase_of(world: World, claim: str) -> str:
    found = world.api.get("PersistentVolumeClaim", world.space, claim) or {}
    return str(found.get("status", {}).get("phase"))


def test_a_claim_whose_volume_nothing_can_snapshot(world: World) -> None:
    """Velero completes such a backup."""
    claim = f"{world.space}-static"
    world.api.apply({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": claim},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/var/empty"},
            "claimRef": {"namespace": world.space, "name": "static"}, "persistentVolumeReclaimPolicy": "Retain",
        },
    })  # fmt: skip
    pvc = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": world.space, "name": "static"},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "",
            "volumeName": claim,
        },
    }  # fmt: skip
    world.api.apply(pvc)
    poll(lambda: phase_of(world, "static") == "Bound", "the claim bound", 60)
    run = world.take(volumes=True)
    found = record(run)
    assert (run.outcome, found.phase, found.volumes_missing) == ("partial", "Completed", (f"{world.space}/static",))
    assert "it lacks the data of 1 claim" in str(run.reason)
    world.api.patch(pvc, {"metadata": {"labels": {"velero.io/exclude-from-backup": "true"}}})
    assert world.take(volumes=True).outcome == "succeeded"
