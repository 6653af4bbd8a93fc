"""Which drills are due, and how that is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from hubops.drill.calendar import calendar
from hubops.model.backup import Kind, Promised, Proof, Recorded, Run, Unreadable, VolumeSnapshotRecord
from hubops.model.drill_calendar import Calendar, Entry, Said
from hubops.report.drill_calendar import text
from tests.backup.runs import NOON, PROMISED, run

_PROOF = Proof(
    copy="c",
    taken_at=NOON - timedelta(hours=5),
    rpo_s=5 * 3600,
    rto_s=4000,
    proven=("all of it",),
    compared={"keys": 1},
)


def drilled(days: float, kind: Kind = "etcd", **fields: Any) -> Run:
    return run(kind, "drill", ago=timedelta(days=days), **({"proof": _PROOF} | fields))


def of(*runs: Run, configured: tuple[Kind, ...] = ("etcd",), unreadable: tuple[Unreadable, ...] = ()) -> Calendar:
    promised: dict[Kind, Promised] = dict.fromkeys(configured, PROMISED)
    return calendar(Recorded(runs=runs, configured=promised, unreadable=unreadable), "prod-eu", NOON)


def entry(*runs: Run) -> Entry:
    return of(*runs).rows[0].entry


@pytest.mark.parametrize(
    ("days", "state"), [(0, "proven"), (14.9, "proven"), (15.1, "due"), (29.9, "due"), (30.1, "overdue")]
)
def test_a_proof_is_due_again_after_half_of_the_time(days: float, state: str) -> None:
    found = entry(drilled(days))
    assert found.state == state
    assert found.next_due == NOON + timedelta(days=30 - days)
    assert found.to_be_drilled == (state != "proven")


def test_what_was_never_proven_is_due_now() -> None:
    assert (entry().state, entry().next_due, entry().to_be_drilled) == ("never", None, True)
    failed = entry(drilled(1, outcome="failed", reason="torn", proof=None))
    assert (failed.state, failed.outcome, failed.to_be_drilled) == ("never", "failed", True)


@pytest.mark.parametrize("newest", [{"outcome": "failed"}, {"outcome": "partial"}, {"alarm": True}])
def test_a_drill_that_did_not_succeed_is_repeated_though_an_older_one_did(newest: dict[str, Any]) -> None:
    found = entry(drilled(1, **newest), drilled(2))
    assert (found.state, found.proven_at, found.to_be_drilled) == ("proven", NOON - timedelta(days=2), True)
    assert found.outcome != "succeeded"


def test_backups_and_verifications_prove_no_restore() -> None:
    assert entry(run("etcd", "backup"), run("etcd", "verify")).state == "never"


def test_what_is_dated_in_the_future_proves_nothing() -> None:
    (row,) = of(drilled(-1)).rows
    assert row.entry.state == "never"
    assert "future" in (row.in_doubt or "")


def test_a_record_that_cannot_be_read_is_told() -> None:
    (row,) = of(drilled(1), unreadable=(Unreadable("etcd", "drill-x", "newer"),)).rows
    assert row.in_doubt == "record drill-x of the journal cannot be read"


def volume(claim: str, error: str | None = None, proven: bool = True) -> VolumeSnapshotRecord:
    proof = msgspec.structs.replace(_PROOF, proven=("read",) if proven else ())
    return VolumeSnapshotRecord(namespace="data", claim=claim, error=error, proof=None if error else proof)


VOLUMES = (
    drilled(1, "volumes", proof=None, volumes=(volume("db"),)),
    drilled(2, "volumes", proof=None, volumes=(volume("web", error="no space left"),), outcome="failed",
            reason="data/web: no space left"),
    drilled(20, "volumes", proof=None, volumes=(volume("web"), volume("a-claim-with-a-long-name-0"))),
    drilled(40, "volumes", proof=None, volumes=(volume("cache", proven=False),), outcome="partial"),
)  # fmt: skip


def test_each_claim_has_its_own_proof_and_whose_turn_it_is_stands_first() -> None:
    (row,) = of(*VOLUMES, configured=("volumes",)).rows
    assert [(part.what, part.state, part.outcome) for part in row.parts] == [
        ("data/cache", "never", "partial"),
        ("data/a-claim-with-a-long-name-0", "due", "succeeded"),
        ("data/web", "due", "failed"),
        ("data/db", "proven", "succeeded"),
    ]
    assert row.parts[2].proven_at == NOON - timedelta(days=20)
    assert row.entry.state == "proven"


def test_each_namespace_of_velero_too() -> None:
    proof = msgspec.structs.replace(_PROOF, by_namespace={"": 3, "shop": 40, "data": 2})
    (row,) = of(drilled(1, "velero", proof=proof), configured=("velero",)).rows
    assert [part.what for part in row.parts] == ["data", "shop"]


EXPECTED = """\
Drills of prod-eu, 2026-07-15 12:00 UTC

WHAT                     LAST DRILL  OUTCOME    PROVEN      NEXT DUE    STATE
etcd                     2026-07-14  succeeded  2026-07-14  2026-08-13  proven
  RPO 5 h of 6 h kept; RTO 1 h 6 min of 1 h MISSED; promised a proof every 30 d
volumes                  2026-07-14  succeeded  2026-07-14  2026-08-13  proven
  RPO 5 h of 6 h kept; RTO 1 h 6 min of 1 h MISSED; promised a proof every 30 d
  data/cache             2026-06-05  partial    -           now         NEVER
  data/a-claim-with-a-long-name-0
                         2026-06-25  succeeded  2026-06-25  2026-07-25  due
  data/web               2026-07-13  failed     2026-06-25  2026-07-25  due
    no space left
  data/db                2026-07-14  succeeded  2026-07-14  2026-08-13  proven
velero                   -           -          -           now         NEVER
  RPO and RTO not measured yet; promised 6 h, 1 h, a proof every 30 d

warning: etcd took 1h 6m to restore, promised are 1h, and so on and so forth
    until the line has to be broken
    hubops runbook recovery-objective-missed
"""


def test_it_reads_on_eighty_columns() -> None:
    said = Said(
        check="recovery-objective-missed", severity="warning", kind="etcd",
        summary="took 1h 6m to restore, promised are 1h, and so on and so forth until the line has to be broken",
    )  # fmt: skip
    found = of(drilled(1), *VOLUMES, configured=("etcd", "volumes", "velero"))
    assert text(msgspec.structs.replace(found, findings=(said,))) == EXPECTED
    assert max(map(len, EXPECTED.splitlines())) <= 80


def test_without_a_backup_there_is_nothing_to_show() -> None:
    assert "No kind is backed up" in text(of(configured=()))
