"""The protocol of a drill of etcd says what an auditor asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from hubops.model.backup import Copy, Difference, EtcdState, Promised, Proof, Run
from hubops.report.protocol import duration, protocol

_BEGAN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_PROOF = Proof(
    copy="etcd-20260131T090000Z", taken_at=_BEGAN - timedelta(hours=3), rpo_s=3 * 3600, rto_s=95.5,
    steps={"fetch": 90.0, "start etcd": 5.5}, compared={"equal": 812}, changed_since={"revisions": 40, "changed": 3},
    by_resource={"pods": 500, "secrets": 312}, live_by_resource={"pods": 503, "secrets": 312},
    proven=("812 keys are the same",), unproven=("no API server was started on it",), versions={"etcd": "3.6.16"},
)  # fmt: skip
_RUN = Run(
    id="drill-etcd-20260131T120000Z", kind="etcd", action="drill", started_at=_BEGAN,
    finished_at=_BEGAN + timedelta(minutes=2), outcome="succeeded", host="drills", hubops_version="0.1.0",
    promised=Promised(rpo_s=6 * 3600, rto_s=60, proven_every_s=30 * 86400), store="s3://backups/prod", proof=_PROOF,
    copy=Copy(
        id=_PROOF.copy, cluster="prod-eu", taken_at=_PROOF.taken_at, file=f"{_PROOF.copy}.db.age", size=1000,
        sha256="ab" * 32, plain_sha256="cd" * 32, recipients=("age1abc",), hubops_version="0.1.0",
        etcd=EtcdState(
            cluster_id="cafe", member_id="1", version="3.5.9", revision=4711, keys=812, size=2000, hash="f00"
        ),
    ),
)  # fmt: skip


def test_it_says_what_from_when_how_long_and_by_which_version() -> None:
    said = protocol(_RUN)
    for part in (
        "# Restore drill of etcd, 2026-01-31 12:00:00 UTC: succeeded",
        "`etcd-20260131T090000Z`, taken 2026-01-31 09:00:00 UTC",
        "revision 4711",
        "etcd `3.6.16`",
        "| RPO: age of the newest copy | 3 h | 6 h | kept |",
        "| RTO: from the fetch until it answered | 1 min 36 s | 1 min | **MISSED** |",
        "- 812 keys are the same.",
        "- No API server was started on it.",
        "## Differences\n\nNone.",
        "| `pods` | 500 | 503 |",
        "ab" * 32,
    ):
        assert part in said


def test_differences_are_named_and_counted() -> None:
    found = (Difference(what="secrets shop/db", how="its value differs at the same revision 7"),)
    proof = msgspec.structs.replace(_PROOF, differences=found, differences_total=31)
    said = protocol(msgspec.structs.replace(_RUN, outcome="failed", reason="31 differences", proof=proof))
    assert "UTC: FAILED" in said
    assert "31, of which 1 are named." in said
    assert "| `secrets shop/db` | its value differs at the same revision 7 |" in said


def test_without_a_restore_nothing_is_called_proven() -> None:
    said = protocol(msgspec.structs.replace(_RUN, outcome="failed", reason="it is damaged", proof=None))
    assert "It is damaged." in said
    assert "nothing is proven" in said
    assert "kept" not in said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "0.25 s"), (59, "59 s"), (59.9996, "1 min"), (60, "1 min"), (3725, "1 h 2 min"), (90000, "1 d 1 h")],
)
def test_durations_are_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words
