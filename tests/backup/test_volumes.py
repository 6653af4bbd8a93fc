"""Claims are snapshotted by a real driver, whose failures are told in its own words; nothing good is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hubops.backup.volumes import snapshots
from hubops.backup.volumes import take as volumes
from hubops.clients.kube import lease
from hubops.config import Duration
from hubops.config.backup import Keep
from hubops.drill.volumes import drill as drills
from hubops.errors import Locked
from tests.backup.claims_world import World, account
from tests.testbed.csi import CLASS, DRIVER, Csi
from tests.testbed.process import poll


@pytest.fixture
def world(csi: Csi, tmp_path: Path) -> Iterator[World]:
    world = World(csi, tmp_path)
    yield world
    world.clear()


def of(run: Any, claim: str) -> Any:
    [record] = [each for each in run.volumes if each.claim == claim]
    return record


def test_each_claim_that_is_named_has_a_snapshot_that_holds_its_files(world: World) -> None:
    """By an account with just the rights for it."""
    for name in ("data-db-0", "data-db-1", "cache"):
        (world.csi.claim(world.space, name, tier="cache" if name == "cache" else "data") / "table").write_text(name)
    kubeconfig = account(world.csi, "hubops-backup-volumes", f"backups-{world.space}")
    run = World(world.csi, world.folder, kubeconfig, world.space, world.told).take(selector="tier=data")
    assert (run.outcome, run.reason) == ("succeeded", None)
    assert sorted(each.claim for each in run.volumes) == ["data-db-0", "data-db-1"]
    one = of(run, "data-db-0")
    assert one.ready
    assert one.size == 64 * 2**20
    assert (world.csi.copy(world.space, one.snapshot) / "table").read_text() == "data-db-0"
    [live] = [each for each in world.own() if each.claim == "data-db-0"]
    assert live.name == f"data-db-0-{run.started_at:%Y%m%dt%H%M%Sz}"
    assert live.run == run.id
    assert dict(live.annotations) == {
        snapshots.CLASS: CLASS, snapshots.SIZE: "64Mi", snapshots.MODE: "Filesystem",
    }  # fmt: skip
    assert f"{live.name} is ready after" in world.told.text


def test_what_the_driver_says_is_the_reason(world: World) -> None:
    world.csi.claim(world.space, "data")
    world.csi.fail("CreateSnapshot", "RESOURCE_EXHAUSTED", "no space left in the pool")
    run = world.take(timeout=Duration(seconds=8))
    assert run.outcome == "failed"
    assert "1 of 1 claims have no new snapshot" in str(run.reason)
    assert "no space left in the pool" in str(run.reason)
    assert "tries again" in world.told.text


def test_one_that_hangs_ends_with_its_time_and_the_others_are_not_lost(world: World) -> None:
    (world.csi.claim(world.space, "good") / "x").write_text("x")
    world.snapshot("earlier", "good")
    poll(lambda: world.csi.status(world.space, "earlier").get("readyToUse", False), "an earlier one")
    world.csi.hold("CreateSnapshot")
    run = world.take(timeout=Duration(seconds=2), keep=Keep(last=1, hourly=0, daily=0, weekly=0, monthly=0))
    assert run.outcome == "failed"
    assert of(run, "good").error
    assert [each.name for each in world.own() if each.ready] == ["earlier"]


def test_what_is_not_ready_yet_is_waited_for_by_the_next_run(world: World) -> None:
    world.csi.claim(world.space, "data")
    world.csi.unready()
    first = world.take(timeout=Duration(seconds=3))
    assert (first.outcome, of(first, "data").ready) == ("failed", False)
    world.csi.heal()
    second = world.take()
    assert second.outcome == "succeeded"
    assert of(second, "data").snapshot == of(first, "data").snapshot
    assert len(world.own()) == 1


def test_what_failed_in_an_earlier_run_is_replaced(world: World) -> None:
    world.csi.claim(world.space, "data")
    world.csi.fail("CreateSnapshot", "INTERNAL", "the pool is degraded")
    world.snapshot("earlier", "data")
    poll(lambda: "error" in world.csi.status(world.space, "earlier"), "it failed")
    world.csi.hold("CreateSnapshot")  # it would be ready otherwise before it is removed
    poll(lambda: "error" in world.csi.status(world.space, "earlier"), "it failed")
    run = world.take(timeout=Duration(seconds=2))
    assert run.outcome == "failed"
    assert f"{world.space}/earlier: deleted: it never became ready" in world.told.text


def test_claims_that_cannot_be_snapshotted_are_listed_each_with_its_reason(world: World) -> None:
    world.csi.claim(world.space, "good")
    api, space = world.api, world.space
    claim(world, "pending", storageClassName="nothing-provisions-it")
    claim(world, "leaving", storageClassName="nothing-provisions-it")
    volume(world, "by-hand", {"hostPath": {"path": "/nowhere"}})
    volume(world, "foreign", {"csi": {"driver": "other.csi.example.com", "volumeHandle": "one"}})
    claim(world, "by-hand", storageClassName="", volumeName=f"by-hand-{space}")
    claim(world, "foreign", storageClassName="", volumeName=f"foreign-{space}")
    for name in ("by-hand", "foreign"):
        poll(partial(bound, world, name), name)
    api.patch(claim_ref(world, "leaving"), {"metadata": {"finalizers": ["example.com/held"]}})
    api.delete(claim_ref(world, "leaving"))
    run = world.take()
    api.patch(claim_ref(world, "leaving"), {"metadata": {"finalizers": None}})
    for name in ("by-hand", "foreign"):
        api.delete({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{name}-{space}"}})
    assert run.outcome == "succeeded", run.reason
    assert of(run, "good").ready
    assert {each.claim: each.skipped for each in run.volumes if not each.ready} == {
        "pending": "it is not bound to a volume",
        "leaving": "it is being deleted",
        "by-hand": f"volume by-hand-{space} is not of a CSI driver, and others have no snapshots",
        "foreign": "no VolumeSnapshotClass is for its driver other.csi.example.com",
    }


def test_nothing_at_all_is_no_success(world: World) -> None:
    assert world.take(selector="tier=mistyped").reason == "no claim is what backup.volumes names"
    claim(world, "pending", storageClassName="nothing-provisions-it")
    run = world.take()
    assert run.outcome == "failed"
    assert "none of 1 claims can be snapshotted" in str(run.reason)
    wrong = world.take(snapshot_class="mistyped")
    assert (wrong.outcome, "has no VolumeSnapshotClass 'mistyped'; it has folders" in str(wrong.reason)) == (
        "failed",
        True,
    )


def test_excluded_claims_are_left_alone(world: World) -> None:
    world.csi.claim(world.space, "wanted")
    world.csi.claim(world.space, "unwanted", **{"hubops.io/exclude-from-backup": "true"})
    world.csi.claim(world.space, "scratch", **{snapshots.DRILL: "some-drill"})
    assert [each.claim for each in world.take().volumes] == ["wanted"]
    assert world.take(namespaces=(), exclude=("*",), selector="a=b").volumes == ()


def test_the_default_class_of_the_driver_is_taken_and_several_are_a_failure(world: World) -> None:
    world.csi.claim(world.space, "data")
    assert "no default VolumeSnapshotClass, only folders" in str(world.take(snapshot_class=None).reason)
    default = {"metadata": {"annotations": {"snapshot.storage.kubernetes.io/is-default-class": "true"}}}
    first = {"apiVersion": snapshots.API, "kind": "VolumeSnapshotClass", "metadata": {"name": CLASS}}
    second = {
        **first,
        "metadata": {"name": "slow", **default["metadata"]},
        "driver": DRIVER,
        "deletionPolicy": "Delete",
    }
    world.api.patch(first, default)
    try:
        assert world.take(snapshot_class=None).outcome == "succeeded"
        world.api.apply(second)
        assert "several default VolumeSnapshotClasses: folders, slow" in str(world.take(snapshot_class=None).reason)
    finally:
        world.api.patch(first, {"metadata": {"annotations": None}})
        world.api.delete(second)


def test_the_policy_drops_only_own_and_never_what_a_proof_rests_on(world: World) -> None:
    world.csi.claim(world.space, "data")
    names = ["a1", "a2", "a3", "a4"]  # of one second, they are told apart by their names
    for name in names:
        world.snapshot(name, "data")
    world.snapshot("foreign", "data", **{snapshots.BACKUP: ""})
    world.api.patch(
        {
            "apiVersion": snapshots.API,
            "kind": "VolumeSnapshot",
            "metadata": {"namespace": world.space, "name": "foreign"},
        },
        {"metadata": {"labels": None}},
    )
    world.csi.claim(world.space, "gone")
    world.snapshot("orphan", "gone")
    poll(
        lambda: all(world.csi.status(world.space, n).get("readyToUse") for n in [*names, "foreign", "orphan"]),
        "ready",
    )
    keep = Keep(last=1, hourly=0, daily=0, weekly=0, monthly=0)
    proof = proven(world, "a2")
    world.journal.record(proof)
    scratch = drill_content(world, "a3")
    world.api.delete(claim_ref(world, "gone"))
    run = world.take(keep=keep)
    world.api.delete(scratch)
    assert run.outcome == "succeeded"
    newest = of(run, "data").snapshot
    poll(lambda: "a4" not in {each.name for each in world.own()}, "dropped")
    assert {each.name for each in world.own() if not each.leaving} == {"a2", "a3", "orphan", newest}
    assert world.csi.status(world.space, "foreign")["readyToUse"]


def test_two_runs_at_once_are_one(world: World) -> None:
    """Of backups and of drills; both wait whether the other one is alive, here at the same time."""
    world.csi.claim(world.space, "data")
    lease.make_room(world.cluster)
    with ExitStack() as held, ThreadPoolExecutor() as pool:
        for lock in (volumes.LOCK, drills.LOCK):
            held.enter_context(lease.held(world.cluster, lock, waiting=print, lost=lambda: None))
        backup = pool.submit(world.take)
        drill = pool.submit(lambda: drills.drill(world.config(), world.journal, say=world.told))
        for one in (backup, drill):
            with pytest.raises(Locked):
                one.result()
    assert world.own() == []
    assert world.journal.runs("volumes") == ()


def test_a_long_name_is_cut_and_stays_one_of_its_own() -> None:
    at = dt.datetime(2026, 1, 31, 12, 0, 0, tzinfo=dt.UTC)
    assert snapshots.name_of("data-db-0", at) == "data-db-0-20260131t120000z"
    one, other = (snapshots.name_of("a" * 250 + mark, at) for mark in ("x", "y"))
    assert len(one) == len(other) == 253
    assert one != other


def test_a_namespace_that_takes_no_more_snapshots_says_so(world: World) -> None:
    world.csi.claim(world.space, "data")
    hard = {"count/volumesnapshots.snapshot.storage.k8s.io": "0"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"namespace": world.space, "name": "none"},
             "spec": {"hard": hard}}  # fmt: skip
    world.api.apply(quota)
    poll(partial(counted, world, "none"), "counted")
    run = world.take()
    assert run.outcome == "failed"
    assert "exceeded quota: none" in str(run.reason)


def counted(world: World, quota: str) -> bool:
    found = world.api.get("ResourceQuota", world.space, quota)
    return found is not None and "hard" in found.get("status", {})


def bound(world: World, name: str) -> bool:
    found = world.api.get("PersistentVolumeClaim", world.space, name)
    return found is not None and found["status"].get("phase") == "Bound"


def claim_ref(world: World, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": world.space, "name": name}}


def claim(world: World, name: str, **spec: Any) -> None:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}, **spec}
    world.api.apply({**claim_ref(world, name), "spec": wanted})


def volume(world: World, name: str, source: dict[str, Any]) -> None:
    """A volume made by hand for the claim of that name."""
    spec = {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "", "claimRef": {"namespace": world.space, "name": name}, **source}  # fmt: skip
    metadata = {"name": f"{name}-{world.space}"}
    world.api.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec})


def proven(world: World, name: str) -> Any:
    """A run of a drill that has proven that snapshot."""
    from hubops.backup.volumes.run import recorded
    from hubops.config.backup import VolumeBackupConfig
    from hubops.model.backup import Proof, VolumeSnapshotRecord

    at = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    proof = Proof(copy=f"{world.space}/{name}", taken_at=at, rpo_s=1, rto_s=1)
    record = VolumeSnapshotRecord(namespace=world.space, claim="data", snapshot=name, ready=True, proof=proof)
    return recorded("drill", at, VolumeBackupConfig(), "succeeded", None, records=[record])


def drill_content(world: World, name: str) -> dict[str, Any]:
    """What a drill that restores that snapshot has made."""
    name_of = f"drill-{world.space}"
    metadata = {"name": name_of, "labels": {**snapshots.MANAGED, snapshots.DRILL: name_of},
                "annotations": {snapshots.DRILL_OF: f"{world.space}/{name}"}}  # fmt: skip
    spec = {"driver": DRIVER, "deletionPolicy": "Retain", "source": {"snapshotHandle": "unknown"},
            "volumeSnapshotRef": {"namespace": "nowhere", "name": "restored"}}  # fmt: skip
    item = {"apiVersion": snapshots.API, "kind": "VolumeSnapshotContent", "metadata": metadata, "spec": spec}
    return world.api.apply(item)
