"""Which Backups of Velero are good ones, without a cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from hubops.backup.velero.contents import Contents, bare_claims, keys_of
from hubops.backup.velero.deletion import kept_for, what_goes
from hubops.backup.velero.judge import Seen, readable, record_of, verdict
from hubops.backup.velero.listing import rows
from hubops.journal.entries import RUN_BYTES, encode, read
from hubops.model.backup import Proof, Run
from hubops.model.velero import Backup, BackupSpec, Deletion, Restore, VolumeInfo
from tests.backup.runs import NOON, run

RPO = timedelta(hours=24)
HELD = keys_of({"v1/Pod": ["shop/web"], "v1/Namespace": ["shop"], "example.com/v1/Widget": ["shop/w"]})


def backup(name: str = "nightly", phase: str = "Completed", *, ago: float = 1, **status: Any) -> Backup:
    began = NOON - timedelta(hours=ago)
    status = {"phase": phase, "startTimestamp": began, "expiration": began + timedelta(days=30), **status}
    metadata = {"name": name, "uid": f"uid-{name}", "creationTimestamp": began}
    return msgspec.convert({"metadata": metadata, "status": status}, Backup)


def seen(**fields: Any) -> Seen:
    given: dict[str, Any] = {"backup": backup(), "contents": Contents(HELD), "expected": 3}
    return Seen(**(given | fields))


@pytest.mark.parametrize(
    ("fields", "outcome", "words"),
    [
        ({}, "succeeded", None),
        (
            {"backup": backup(phase="Failed", failureReason="no space")},
            "failed",
            "Velero failed with nightly: no space",
        ),
        (
            {"backup": backup(phase="FailedValidation", validationErrors=["bad"])},
            "failed",
            "Velero refused nightly: bad",
        ),
        ({"backup": backup(phase="PartiallyFailed", errors=2)}, "partial", "as PartiallyFailed with 2 errors"),
        ({"backup": backup(phase="Deleting")}, "failed", "nightly is no backup: it is Deleting"),
        ({"contents": None, "unreadable": "403"}, "failed", "what nightly holds cannot be read: 403"),
        ({"contents": Contents(frozenset())}, "failed", "nightly is empty"),
        ({"missing": sorted(HELD)}, "partial", "it lacks 3 of 3 objects of the cluster: Namespace shop, Pod shop/web"),
        ({"absent_namespaces": ["gone"]}, "partial", "namespace gone"),
        ({"bare_claims": ["shop/data: no driver"]}, "partial", "the data of 1 claim: shop/data: no driver"),
        ({"uncompared": "secrets is forbidden"}, "partial", "it could not be compared with the cluster"),
        ({"backup": backup(hookStatus={"hooksAttempted": 5, "hooksFailed": 2})}, "partial", "2 of its 5 hooks failed"),
        ({"backup": backup(expiration=NOON)}, "partial", "it expires 1h after its beginning"),
        ({"backup": backup(csiVolumeSnapshotsAttempted=2)}, "partial", "0 of 2 snapshots of volumes were completed"),
    ],
)
def test_verdicts(fields: dict[str, Any], outcome: str, words: str | None) -> None:
    found, reason = verdict(seen(**fields), RPO)
    assert found == outcome
    assert reason is None if words is None else words in str(reason)


def test_a_record_of_a_large_cluster_fits_into_the_journal() -> None:
    every = keys_of({"v1/Pod": [f"{'n' * 60}-{number}/{'p' * 200}" for number in range(5000)]})
    many = [f"{'space' * 10}-{number}/{'claim' * 10}: {'why' * 50}" for number in range(900)]
    found = record_of(seen(contents=Contents(every), missing=sorted(every), bare_claims=many))
    assert (found.items, found.missing_total, found.namespaces_total) == (5000, 5000, 5000)
    text = encode(run("velero", outcome="partial", velero=found))
    assert len(text.encode()) <= RUN_BYTES
    again = read(text, "velero")
    assert isinstance(again, Run)
    assert again.velero
    assert (again.velero.missing_total, again.velero.namespaces_total) == (5000, 5000)


def test_the_words_of_velero_are_readable_and_inert() -> None:
    assert readable(" resource: /pods name: /web message: /Error backing up item error: /no such file") == (
        "pods web: Error backing up item: no such file"
    )
    assert readable("shop:  resource: /pods name: /web message: /odd") == "pods shop/web: odd"
    assert readable("something else") == "something else"
    wild = record_of(seen(backup=backup(phase="Failed", failureReason="\x1b[2J evil")))
    assert "\x1b" not in wild.errors[0]


def test_claims_without_their_data() -> None:
    volumes = (
        VolumeInfo(pvc_namespace="shop", pvc_name="good", result="succeeded"),
        VolumeInfo(pvc_namespace="shop", pvc_name="broken", backup_method="CSISnapshot", result="failed"),
        VolumeInfo(
            pvc_namespace="shop", pvc_name="alien", skipped=True, skipped_reason="no applicable volumesnapshotter"
        ),
        VolumeInfo(pvc_namespace="shop", pvc_name="unwanted", skipped=True, skipped_reason="any: opted out due to …"),
    )
    contents = Contents(HELD, volumes=volumes)
    claims = ["shop/good", "shop/alien", "shop/unwanted", "shop/unknown"]
    asked = bare_claims(contents, BackupSpec(snapshot_volumes=True), claims)
    assert [each.partition(":")[0] for each in asked] == ["shop/alien", "shop/broken", "shop/unknown"]
    assert bare_claims(contents, BackupSpec(), claims) == ["shop/broken: CSISnapshot failed"]


def test_the_last_good_and_the_last_proven_backup_are_kept() -> None:
    newest, lacking, older, oldest = (backup(name, ago=ago) for ago, name in enumerate("abcd", 1))
    every = [backup("failed", "Failed", ago=0), lacking, newest, older, oldest]
    judged = [
        run("velero", outcome="partial", velero=record_of(seen(backup=lacking))),
        run("velero", outcome="succeeded", velero=record_of(seen(backup=newest))),
    ]
    assert kept_for(newest, every, judged) == "a is the newest good backup of what it is of"
    less = msgspec.structs.replace(backup("less", ago=0), spec=BackupSpec(included_namespaces=("shop",)))
    assert kept_for(newest, [less, *every], judged)
    assert "newest good" in kept_for(lacking, every, [])
    proof = Proof(copy=older.name, taken_at=NOON, rpo_s=1, rto_s=1)
    drilled = [*judged, run("velero", "drill", velero=record_of(seen(backup=older)), proof=proof)]
    assert "a drill has restored" in kept_for(older, every, drilled)
    assert [kept_for(each, every, drilled) for each in (lacking, oldest, every[0])] == ["", "", ""]


def test_what_goes_with_a_backup() -> None:
    mine = msgspec.convert({"metadata": {"name": "again"}, "spec": {"backupName": "nightly"}}, Restore)
    lines = what_goes(backup(), [mine], 2)
    assert "2 volumes" in lines[1]
    assert lines[2].endswith("again")
    assert "cannot be read" in what_goes(backup(), [], None)[1]


def test_what_is_remarkable_about_a_backup() -> None:
    asked = {"name": "d", "creationTimestamp": NOON - timedelta(hours=3)}
    stuck = msgspec.convert({"metadata": asked, "spec": {"backupName": "stuck"}}, Deletion)
    refused = msgspec.convert(
        {"metadata": asked, "spec": {"backupName": "refused"}, "status": {"errors": ["store is away"]}}, Deletion
    )
    every = [backup("stuck", "Deleting"), backup("refused"), backup("fine"), backup("old", expiration=NOON - RPO)]
    found = {each.name: each.remark for each in rows(every, [stuck, refused], NOON)}
    assert found == {
        "stuck": "is to be deleted since 3h and still there",
        "refused": "could not be deleted: store is away",
        "fine": "",
        "old": "expired 1d ago and still there",
    }
    assert NOON.tzinfo is UTC
    assert isinstance(NOON, datetime)
