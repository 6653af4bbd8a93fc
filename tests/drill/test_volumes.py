"""A claim is restored from its newest snapshot by the real controllers, read, and all of it is removed again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubops.backup.volumes import snapshots
from hubops.config import Duration
from hubops.config.backup import VolumeDrillConfig
from hubops.drill.volumes import drill as volumes
from hubops.drill.volumes import scratch as volume_scratch
from hubops.drill.volumes.job import job
from hubops.errors import ConfigError, SourceError, UsageError
from hubops.model.backup import Proof, Run
from tests.backup.claims_world import World, account
from tests.drill.pods import Pods, pods_end
from tests.testbed.csi import CLASS, Csi
from tests.testbed.process import poll


@pytest.fixture(scope="module")
def pods(csi: Csi) -> Iterator[Pods]:
    with pods_end(csi) as pods:
        yield pods


@pytest.fixture
def world(csi: Csi, pods: Pods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(volumes, "_GOING", 0.0)  # the cluster's five seconds before it removes a namespace
    world = World(csi, tmp_path)
    yield world
    pods.held.clear()
    world.clear()


def backed_up(world: World, *claims: str) -> None:
    for name in claims:
        files = world.csi.claim(world.space, name)
        (files / "sub dir").mkdir()
        (files / "sub dir" / "table").write_bytes(b"x" * 1000)
        (files / "-n").write_text(name)
        world.csi.snapshot(world.space, f"{name}-1", name)
        mark(world, f"{name}-1")


def mark(world: World, name: str) -> None:
    """A VolumeSnapshot as hubops asks for one."""
    facts = {snapshots.CLASS: CLASS, snapshots.SIZE: "64Mi", snapshots.MODE: "Filesystem"}
    labels = {**snapshots.MANAGED, snapshots.BACKUP: "backup-volumes-earlier"}
    world.api.patch(snapshot_ref(world, name), {"metadata": {"labels": labels, "annotations": facts}})


def snapshot_ref(world: World, name: str) -> dict[str, Any]:
    metadata = {"namespace": world.space, "name": name}
    return {"apiVersion": snapshots.API, "kind": "VolumeSnapshot", "metadata": metadata}


def drill(world: World, *claims: str, used: float | None = None, **settings: Any) -> Run:
    wanted = VolumeDrillConfig(**{"timeout": Duration(seconds=120), **settings})
    names = [f"{world.space}/{each}" for each in claims]
    return volumes.drill(
        world.config(drill=wanted), world.journal, say=world.told, claims=names, used=lambda _space, _claim: used
    )


def proof(run: Run, number: int = 0) -> Proof:
    found = run.volumes[number].proof
    assert found, run.reason
    return found


def assert_nothing_is_left(world: World) -> None:
    """Neither in the cluster nor in the storage, but for empty namespaces that are on their way."""
    namespaces = world.api.list("Namespace", labelSelector=snapshots.DRILL)
    assert [each["metadata"]["name"] for each in namespaces if "deletionTimestamp" not in each["metadata"]] == []
    assert world.api.list("VolumeSnapshotContent", labelSelector=snapshots.DRILL) == []
    claims = [each["metadata"] for each in world.api.list("PersistentVolumeClaim")]
    assert [each["namespace"] for each in claims if each["namespace"].startswith("hubops-drill-")] == []
    refs = [each["spec"]["claimRef"]["namespace"] for each in world.api.list("PersistentVolume")]
    assert [each for each in refs if each.startswith("hubops-drill-")] == []
    there = {path.name for path in (world.csi.folder / "volumes").iterdir() if path.is_dir()}
    assert there == {each["spec"]["csi"]["volumeHandle"] for each in world.api.list("PersistentVolume")}


def test_every_file_of_the_newest_snapshot_is_read_and_nothing_is_left(world: World, pods: Pods) -> None:
    """By an account with just the rights for it; and the API server's own log tells what hubops wrote."""
    backed_up(world, "data")
    kubeconfig = account(world.csi, "hubops-drill-volumes", f"drills-{world.space}")
    run = drill(World(world.csi, world.folder, kubeconfig, space=world.space), "data", used=2**20)
    assert (run.outcome, run.reason) == ("succeeded", None)
    assert (run.kind, run.action) == ("volumes", "drill")
    assert proof(run).copy == f"{world.space}/data-1"
    assert proof(run).taken_at <= world.own()[0].asked_at
    assert proof(run).compared == {"files": 2, "bytes": 1004}
    assert set(proof(run).steps) == {"snapshot", "mount", "look"}
    assert 0 < proof(run).rto_s < 120
    assert 0 <= proof(run).rpo_s < 600
    assert proof(run).proven == ("each of 2 files was read to its end, 1004 B",)
    assert "that the application can use it" in proof(run).unproven[0]
    assert proof(world.journal.runs("volumes")[0]) == proof(run)
    assert_nothing_is_left(world)
    assert (world.csi.copy(world.space, "data-1") / "-n").read_text() == "data"
    assert_restricted(pods.seen[max(pods.seen)]["spec"])
    written = audited(world, f"system:serviceaccount:default:drills-{world.space}")
    outside = [each["objectRef"] for each in written if not in_scratch(each)]
    assert {(ref["resource"], ref.get("namespace")) for ref in outside} <= {
        ("leases", "hubops"), ("configmaps", "hubops"),
    }  # fmt: skip
    (world.csi.copy(world.space, "data-1") / "sub dir" / "table").write_bytes(b"x" * 999 + b"y")
    changed = drill(world, "data", used=1.0)
    assert changed.outcome == "failed"
    assert "an earlier drill has read something else from it" in str(changed.reason)


def assert_restricted(pod: dict[str, Any]) -> None:
    """Beyond what the API server enforces in the namespace: no token, and no way to write to the data."""
    assert pod["automountServiceAccountToken"] is False
    assert not [each for each in pod["volumes"] if "projected" in each]
    [container] = pod["containers"]
    assert {"name": "data", "mountPath": "/data", "readOnly": True} in container["volumeMounts"]


def audited(world: World, user: str) -> list[dict[str, Any]]:
    """What *user* wrote, as the API server has it; once its last line is there."""
    log = world.csi.bed.audit_log

    def lines() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in log.read_text().splitlines() if user in line]
        mine = [each for each in found if each["user"]["username"] == user]
        return [each for each in mine if each["verb"] in ("create", "update", "patch", "delete", "deletecollection")]

    def released() -> bool:
        return any(each["objectRef"].get("name") == "journal-volumes" for each in lines())

    poll(released, "the audit log")
    return lines()


def in_scratch(entry: dict[str, Any]) -> bool:
    """Whether it is in a scratch namespace, or is that, or the one content that belongs to it."""
    ref = entry["objectRef"]
    name = ref.get("name") or (entry.get("requestObject") or {}).get("metadata", {}).get("name") or ""
    if ref.get("namespace", "").startswith("hubops-drill-"):
        return True
    if ref["resource"] == "selfsubjectaccessreviews":
        return True
    return ref["resource"] in ("namespaces", "volumesnapshotcontents") and (
        name.startswith("hubops-drill-") or entry["verb"] == "create"
    )


def test_the_sites_own_command_decides_and_a_class_that_retains_volumes_keeps_none(world: World) -> None:
    backed_up(world, "data")
    retaining = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": f"kept-{world.space}"},
                 "provisioner": "folders.csi.example.com", "reclaimPolicy": "Retain"}  # fmt: skip
    world.api.apply(retaining)
    facts = {"metadata": {"annotations": {snapshots.CLASS: f"kept-{world.space}"}}}
    world.api.patch(snapshot_ref(world, "data-1"), facts)
    bad = drill(world, "data", command=("sh", "-c", 'test "$(cat /data/-n)" = data && echo table is torn; exit 3'))
    world.api.delete(retaining)
    assert bad.outcome == "failed"
    assert "ended with 3: table is torn" in str(bad.reason)
    assert_nothing_is_left(world)


def test_what_the_driver_says_is_the_reason_and_nothing_is_left(world: World) -> None:
    backed_up(world, "data")
    world.csi.fail("CreateVolume", "RESOURCE_EXHAUSTED", "no space left in the pool")
    run = drill(world, "data", timeout=Duration(seconds=8))
    world.csi.heal()
    assert run.outcome == "failed"
    assert "not restored within 8s" in str(run.reason)
    assert "no space left in the pool" in str(run.reason)
    assert_nothing_is_left(world)


def test_a_pod_that_the_cluster_refuses_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubops.drill.volumes.restore._PODLESS", 1.0)
    backed_up(world, "data")
    policy = f"no-pods-{world.space}"
    rules = {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                                "resources": ["pods"]}]}  # fmt: skip
    admission = "admissionregistration.k8s.io/v1"
    deny = {"apiVersion": admission, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": policy},
            "spec": {"matchConstraints": rules,
                     "validations": [{"expression": "false", "message": "images come from our registry"}]}}  # fmt: skip
    bind = {"apiVersion": admission, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": policy},
            "spec": {"policyName": policy, "validationActions": ["Deny"]}}  # fmt: skip
    world.api.apply(deny)
    world.api.apply(bind)
    try:
        poll(lambda: refuses(world), "the policy is in force")
        run = drill(world, "data")
    finally:
        world.api.delete(bind)
        world.api.delete(deny)
        poll(lambda: not refuses(world), "the policy is no longer in force")
    assert run.outcome == "failed"
    assert "the cluster refuses the pod that was to look at it" in str(run.reason)
    assert "images come from our registry" in str(run.reason)
    assert_nothing_is_left(world)


def refuses(world: World) -> bool:
    container = {"name": "any", "image": "any"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": world.space, "name": "any"},
           "spec": {"containers": [container]}}  # fmt: skip
    try:
        world.cluster.create(pod, dry_run=True)
    except SourceError as error:
        return "our registry" in str(error)
    return False


def test_what_cannot_be_is_said_before_anything_is_made(world: World) -> None:
    with pytest.raises(ConfigError, match=r"drill\.volumes\.namespace"):
        drill(world, namespace="Not_A_Name")
    with pytest.raises(UsageError, match="has no ready snapshot of it"):
        drill(world, "nothing")
    assert world.journal.runs("volumes") == ()


@pytest.mark.parametrize("block", [False, True])
def test_pod_security_takes_the_pod_and_no_other(world: World, block: bool) -> None:
    scratch = volume_scratch.Scratch(f"{world.space}-{'block' if block else 'files'}")
    world.cluster.create(scratch.namespace())
    poll(lambda: world.api.get("ServiceAccount", scratch.name, "default") is not None, "its ServiceAccount")
    made = job("look", scratch.name, scratch.labels, "restored", VolumeDrillConfig(), block=block, seconds=60)
    pod = {"apiVersion": "v1", "kind": "Pod", **made["spec"]["template"]}
    pod["metadata"] |= {"namespace": scratch.name, "name": "look"}
    world.cluster.create(pod, dry_run=True)
    del pod["spec"]["securityContext"]["runAsNonRoot"]
    with pytest.raises(SourceError, match='violates PodSecurity "restricted'):
        world.cluster.create(pod, dry_run=True)
    world.api.delete(scratch.namespace())


def test_a_namespace_of_somebody_else_is_not_taken(world: World) -> None:
    scratch = volume_scratch.Scratch(f"{world.space}-taken")
    theirs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": scratch.name}}
    world.api.apply(theirs)
    with pytest.raises(Exception, match="is there already, and hubops has not made it"):
        volume_scratch.make(world.cluster, scratch)
    assert volume_scratch.remove(world.cluster, scratch, print, within=5) == []
    assert world.api.get("Namespace", None, scratch.name)
    world.api.delete(theirs)


def test_a_content_that_somebody_set_to_delete_does_not_take_the_snapshot_along(world: World) -> None:
    backed_up(world, "data")
    [source] = [each for each in world.api.list("VolumeSnapshotContent")
                if each["spec"]["volumeSnapshotRef"]["namespace"] == world.space]  # fmt: skip
    scratch = volume_scratch.new("hubops-drill", world.own()[0].asked_at)
    volume_scratch.make(world.cluster, scratch)
    content = scratch.content(source, world.own()[0])
    world.cluster.create(content)
    world.cluster.create(scratch.snapshot(content))
    poll(lambda: world.csi.status(scratch.name, volume_scratch.NAME).get("readyToUse", False), "ready")
    world.api.patch(content, {"spec": {"deletionPolicy": "Delete"}})
    assert volume_scratch.remove(world.cluster, scratch, print, within=120) == []
    assert (world.csi.copy(world.space, "data-1") / "-n").read_text() == "data"
