"""What a restored volume proves is said exactly: nothing bad is called good, and nothing unknown is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hubops.backup.volumes.retention import doubted, proven
from hubops.backup.volumes.run import recorded
from hubops.backup.volumes.snapshots import SIZE, Snapshot
from hubops.config.backup import VolumeBackupConfig, VolumeDrillConfig
from hubops.drill.volumes.due import restored_before, turns
from hubops.drill.volumes.proof import failure, proof_of
from hubops.drill.volumes.restore import Came
from hubops.errors import Permanent
from hubops.model.backup import Proof, Run, VolumeSnapshotRecord

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SUM = "a" * 64
SNAPSHOT = Snapshot(
    namespace="data", name="db-1", uid="u", claim="db", run="r", asked_at=NOW, taken_at=NOW, ready=True, leaving=False,
    error="", size=10 * 2**30, content="c", snapshot_class="fast", annotations={SIZE: "10Gi"},
)  # fmt: skip


def told(**changes: Any) -> str:
    said = {"files": 2, "bytes": 1004, "read": 2, "errors": 0, "denied": 0, "sha256": SUM, **changes}
    first = said.pop("first", ())
    return "\n".join([*(f"{key}={value}" for key, value in said.items()), *(f"error={line}" for line in first)])


def proof(message: str, *, used: float | None = 5e9, before: str | None = None, block: bool = False) -> Proof:
    came = Came({"snapshot": 1.0, "mount": 4.5, "look": 60.0}, 0, message, block)
    return proof_of(SNAPSHOT, came, timedelta(hours=5), before=before, used=used, settings=VolumeDrillConfig())


def test_all_that_was_read_is_proven_and_looking_is_no_part_of_the_restore() -> None:
    found = proof(told())
    assert failure(found) is None
    assert found.proven == ("each of 2 files was read to its end, 1004 B",)
    assert (found.rto_s, found.rpo_s, found.sha256) == (5.5, 18000.0, SUM)


def test_a_device_is_read_as_a_whole() -> None:
    found = proof(told(files=1, read=1, bytes=2**30), block=True)
    assert found.proven == ("the device was read to its end, 1.0 GiB",)
    assert found.compared == {"bytes": 2**30}


def test_what_cannot_be_read_is_a_fault_and_what_may_not_be_read_is_not_proven() -> None:
    torn = proof(told(errors=3, denied=1, read=0, first=("sha256sum: ./a: Permission denied", "./b: I/O error")))
    assert "2 files or folders: cannot be read: ./b: I/O error" in str(failure(torn))
    assert (torn.proven, torn.sha256) == ((), None)
    denied = proof(told(errors=2, denied=2, read=0, first=("sha256sum: ./a: Permission denied",)))
    assert failure(denied) is None
    assert denied.proven == ()
    assert "drill.volumes.run_as" in denied.unproven[0]


def test_less_than_all_is_not_all() -> None:
    found = proof(told(read=1))
    assert (found.proven, failure(found)) == ((), None)
    assert "1 of 2 files were read" in found.unproven[0]


@pytest.mark.parametrize("message", ["", "sh: find: not found", told(files=""), told(bytes="many")])
def test_what_was_not_told_is_an_error(message: str) -> None:
    with pytest.raises(Permanent, match="did not tell what it has read"):
        proof(message)


def test_an_empty_volume_is_a_fault_where_the_live_one_is_not_empty() -> None:
    empty = told(files=0, bytes=0, read=0)
    assert "holds no file; 4.7 GiB of the live one are in use" in str(failure(proof(empty)))
    assert proof(empty, used=None).proven == ()
    assert "how much the live volume holds is not known" in proof(empty, used=None).unproven[0]
    # A file system of 10 GiB needs some of it for itself.
    assert "it holds no file" in proof(empty, used=100 * 2.0**20).proven[0]


def test_the_same_snapshot_gives_the_same() -> None:
    assert "an earlier drill has read something else" in str(failure(proof(told(), before="b" * 64)))
    assert "an earlier drill has read the same" in proof(told(), before=SUM).proven[1]
    # What was read in part cannot be compared.
    assert failure(proof(told(read=1), before="b" * 64)) is None


def run(hour: int, claim: str, *, proven: bool = True) -> Run:
    at = NOW - timedelta(hours=hour)
    one = Proof(copy=f"data/{claim}-1", taken_at=at, rpo_s=1, rto_s=1, sha256=SUM) if proven else None
    record = VolumeSnapshotRecord(namespace="data", claim=claim, snapshot=f"{claim}-1", proof=one)
    return recorded("drill", at, VolumeBackupConfig(), "succeeded", None, records=[record])


def test_each_claim_has_its_turn_though_the_journal_is_short() -> None:
    claims = [("data", name) for name in "abcdefgh"]
    runs: list[Run] = []
    drilled = []
    for hour in range(16, 0, -1):
        [(_, claim), *_] = turns(claims, runs)
        drilled.append(claim)
        # One that fails is not tried again before the others.
        runs = [run(hour, claim, proven=claim != "c"), *runs][:3]
    assert drilled == list("abcdefgh") * 2


def test_the_sum_of_an_earlier_drill_is_that_of_the_same_snapshot() -> None:
    of_db = run(1, "db")
    assert restored_before(SNAPSHOT, [run(0, "other"), of_db]) == SUM
    assert restored_before(SNAPSHOT, [run(0, "other")]) is None


def test_nothing_of_a_claim_is_dropped_once_a_restore_brought_back_something_wrong() -> None:
    wrong = proof(told(), before="b" * 64)
    record = VolumeSnapshotRecord(namespace="data", claim="db", snapshot="db-9", proof=wrong, error="differs")
    bad = recorded("drill", NOW, VolumeBackupConfig(), "failed", None, records=[record])
    assert doubted([bad, run(3, "db")]) == {("data", "db")}
    assert proven([bad, run(3, "db")]) == {"data/db-1"}
    assert doubted([run(1, "db"), bad]) == set()
