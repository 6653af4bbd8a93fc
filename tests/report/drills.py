"""Drills of every kind as the journal records them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from hubops.model.backup import (
    Copy,
    Difference,
    EtcdState,
    Promised,
    Proof,
    Run,
    VeleroBackupRecord,
    VolumeSnapshotRecord,
)
from hubops.model.gameday import Answer, GameDay, Note, Phase, Played
from hubops.report.protocol import gameday, protocol

BEGAN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_TAKEN = BEGAN - timedelta(hours=3)
_PROMISED = Promised(rpo_s=6 * 3600, rto_s=60, proven_every_s=30 * 86400)
#: What somebody may write where others read: markup, controls, a direction mark.
HOSTILE = "<script>alert(1)</script> | [x](javascript:y) \x1b[31m\u202e`--"

_PROOF = Proof(
    copy="etcd-20260131T090000Z", taken_at=_TAKEN, rpo_s=3 * 3600, rto_s=95.5,
    steps={"find": 0.3, "fetch": 80.0, "restore": 10, "start etcd": 5.5, "compare": 31}, compared={"equal": 812},
    changed_since={"revisions": 40, "changed": 3}, by_resource={"pods": 500, "secrets": 312},
    live_by_resource={"pods": 503, "secrets": 312}, by_namespace={"": 12, "shop": 800},
    live_by_namespace={"": 12, "shop": 803}, proven=("812 keys are the same",),
    unproven=("no API server was started on it",), versions={"etcd": "3.6.16", "etcdutl": "3.6.16"},
)  # fmt: skip
ETCD = Run(
    id="drill-etcd-20260131T120000Z", kind="etcd", action="drill", started_at=BEGAN,
    finished_at=BEGAN + timedelta(minutes=2), outcome="succeeded", host="drills", hubops_version="0.1.0",
    promised=_PROMISED, store="s3://backups/prod", proof=_PROOF,
    copy=Copy(
        id=_PROOF.copy, cluster="prod-eu", taken_at=_PROOF.taken_at, file=f"{_PROOF.copy}.db.age", size=1000,
        sha256="ab" * 32, plain_sha256="cd" * 32, recipients=("age1abc", "age1def"), hubops_version="0.1.0",
        etcd=EtcdState(
            cluster_id="cafe", member_id="1", version="3.5.9", revision=4711, keys=812, size=2000, hash="f00"
        ),
    ),
)  # fmt: skip
DIFFERING = msgspec.structs.replace(
    ETCD, outcome="failed", reason="31 differences",
    proof=msgspec.structs.replace(
        _PROOF, differences_total=31,
        differences=(Difference(what="secrets shop/db", how="its value differs at the same revision 7"),),
    ),
)  # fmt: skip
NOT_RESTORED = msgspec.structs.replace(ETCD, outcome="failed", reason="it is damaged", proof=None)

_READ = Proof(
    copy="data/db-1", taken_at=BEGAN - timedelta(hours=30), rpo_s=30 * 3600, rto_s=95, sha256="a" * 64,
    steps={"snapshot": 5, "mount": 90, "look": 600},
    proven=("each of 2 files was read to its end, 1004 B",), unproven=("that the application can use it",),
)  # fmt: skip
VOLUMES = msgspec.structs.replace(
    ETCD, id="drill-volumes-20260131T120000Z", kind="volumes", outcome="partial", reason="data/web: no space left",
    copy=None, store=None, proof=None,
    volumes=(
        VolumeSnapshotRecord(namespace="data", claim="db", snapshot="db-1", size=2**30, proof=_READ),
        VolumeSnapshotRecord(namespace="data", claim="web", snapshot="web-1", error="no space left in the pool"),
        VolumeSnapshotRecord(
            namespace="data", claim=HOSTILE, snapshot="x-1", error=HOSTILE,
            proof=msgspec.structs.replace(_READ, proven=(), differences=(Difference(what=HOSTILE, how=HOSTILE),)),
        ),
    ),
)  # fmt: skip

VELERO = msgspec.structs.replace(
    ETCD, id="drill-velero-20260131T120000Z", kind="velero", outcome="failed",
    reason="3 differences between the backup and what was restored of it", copy=None, store=None,
    velero=VeleroBackupRecord(
        name="applications-daily-20260131090000", uid="0d0c", schedule="applications-daily", location="default",
        phase="Completed", namespaces=("data", "shop"), items=412, expected=413, missing=("ConfigMap shop/late",),
        missing_total=1, volumes=2, warnings=("shop: a hook took long",), warnings_total=4,
        expires_at=_TAKEN + timedelta(days=30),
    ),
    proof=msgspec.structs.replace(
        _PROOF, copy="applications-daily-20260131090000", versions={"velero": "v1.18.3"}, changed_since={},
        steps={"find": 1.5, "restore": 48, "workloads": 47.5, "compare": 3, "checks": 12}, by_resource={},
        live_by_resource={}, by_namespace={}, live_by_namespace={}, compared={"objects": 410, "namespaces": 2},
        proven=("410 objects came back as they were backed up", "check shop answers passed"),
        unproven=("cluster-scoped objects: a drill writes none",), differences_total=3,
        differences=(
            Difference(what="ConfigMap shop/cart", how="data.color: was 'red', is 'blue'"),
            Difference(what="Secret shop/db", how="data.password differs"),
            Difference(what="Deployment shop/web", how="was not restored"),
        ),
    ),
)  # fmt: skip

DRILLS = {
    "etcd": ETCD, "etcd-differing": DIFFERING, "etcd-not-restored": NOT_RESTORED, "volumes": VOLUMES, "velero": VELERO,
}  # fmt: skip

_STEPS: tuple[tuple[str, Phase, Answer, int], ...] = (
    ("Agree on what is practised", "prepare", "done", 10), ("The namespace is lost", "loss", "done", 1),
    ("Notice it", "detect", "done", 9), ("Find the backup", "decide", "done", 5), ("Decide", "decide", "done", 3),
    ("Restore it", "restore", "failed", 30), ("Look whether it is whole", "restore", "done", 12),
    ("Tidy up and talk", "learn", "skipped", 0),
)  # fmt: skip


def _gameday() -> GameDay:
    """A game day on which a first restore failed."""
    at, steps = BEGAN, list[Played]()
    for title, phase, answer, minutes in _STEPS:
        began, at = at, at + timedelta(minutes=minutes)
        notes = (Note(at - timedelta(minutes=1), HOSTILE if phase == "learn" else "who may decide?"),)
        steps.append(
            Played(title=title, phase=phase, answer=answer, began_at=began, ended_at=at,
                   notes=notes if phase in ("decide", "learn") else ())
        )  # fmt: skip
    return GameDay(
        id="gameday-lost-namespace-20260131T120000Z", scenario="lost-namespace", title="A namespace was deleted",
        cluster="prod-eu", host="laptop", hubops_version="0.1.0", started_at=BEGAN, finished_at=at,
        names={"namespace": "shop"}, kind="velero", promised=_PROMISED, backup="daily-1", rpo_s=4 * 3600,
        steps=tuple(steps), step_began_at=at, actions=("an alert on namespaces that go; Bob, 1 August", HOSTILE),
    )  # fmt: skip


GAMEDAY = _gameday()
#: Every protocol as it is written, by the form that is asked for.
PROTOCOLS: dict[str, Callable[[str], str]] = {
    **{name: partial(protocol, run) for name, run in DRILLS.items()},
    "gameday": partial(gameday.protocol, GAMEDAY),
}
