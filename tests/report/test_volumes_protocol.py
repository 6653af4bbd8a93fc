"""What an auditor reads of a drill of volumes: from when, how long, what was proven, and what was not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from hubops.backup.volumes.run import recorded
from hubops.config.backup import VolumeBackupConfig
from hubops.model.backup import Difference, Proof, VolumeSnapshotRecord
from hubops.report.volumes_protocol import protocol

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PROOF = Proof(
    copy="data/db-1", taken_at=NOW - timedelta(hours=30), rpo_s=30 * 3600, rto_s=95, sha256="a" * 64,
    steps={"snapshot": 5, "mount": 90, "look": 600},
    proven=("each of 2 files was read to its end, 1004 B",), unproven=("that the application can use it",),
)  # fmt: skip


def test_a_drill_that_proved_one_claim_and_failed_with_another() -> None:
    records = [
        VolumeSnapshotRecord(namespace="data", claim="db", snapshot="db-1", size=2**30, proof=PROOF),
        VolumeSnapshotRecord(namespace="data", claim="web", snapshot="web-1", error="no space left in the pool"),
    ]
    text = protocol(recorded("drill", NOW, VolumeBackupConfig(), "partial", "data/web: no space left", records=records))
    for words in (
        "# Restore drill of volumes, 2026-01-31 12:00:00 UTC: succeeded in part",
        "taken 2026-01-30 06:00:00 UTC, 1.0 GiB",
        "| RPO: age of the newest snapshot | 1 d 6 h | 1 d | **MISSED** |",
        "| RTO: until a pod had the volume | 1 min 35 s | 1 h | kept |",
        "- Each of 2 files was read to its end, 1004 B.",
        "- That the application can use it.",
        f"SHA-256 over all of it: `{'a' * 64}`",
        "**Failed:** No space left in the pool.",
        "It was not restored, so nothing is proven of it.",
    ):
        assert words in text, text


def test_a_difference_stands_in_it_and_a_claim_cannot_write_into_the_page() -> None:
    wrong = msgspec.structs.replace(PROOF, proven=(), differences=(Difference(what="<b>|x", how="`torn`"),))
    record = VolumeSnapshotRecord(namespace="data", claim="db", snapshot="db-1", proof=wrong, error="<script>")
    text = protocol(recorded("drill", NOW, VolumeBackupConfig(), "failed", None, records=[record]))
    assert "Proven:\n\n- Nothing." in text
    assert "**Failed:** `<script>.`" in text
    assert "| `<b>" in text
