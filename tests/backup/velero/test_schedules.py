"""When Velero's Schedules are due, and what they missed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from hubops.backup.velero.schedules import checked, row
from hubops.errors import UsageError
from hubops.model.velero import Backup, Schedule
from tests.backup.runs import NOON


def schedule(cron: str = "0 2 * * *", *, last: timedelta | None = None, **fields: Any) -> Schedule:
    status: dict[str, Any] = {"phase": "Enabled", **fields.pop("status", {})}
    if last is not None:
        status["lastBackup"] = NOON - last
    metadata = {"name": "daily", "creationTimestamp": NOON - timedelta(days=9)}
    return msgspec.convert({"metadata": metadata, "spec": {"schedule": cron, **fields}, "status": status}, Schedule)


def backup(phase: str) -> Backup:
    metadata = {"name": "daily-1", "labels": {"velero.io/schedule-name": "daily"}}
    status = {"phase": phase, "startTimestamp": NOON - timedelta(hours=10)}
    return msgspec.convert({"metadata": metadata, "status": status}, Backup)


def test_one_that_runs() -> None:
    found = row(schedule(last=timedelta(hours=10)), [backup("Completed")], NOON)
    assert (found.state, found.missed, found.remark) == ("enabled", 0, "")
    assert found.next == NOON + timedelta(hours=14)
    assert found.last_good == NOON - timedelta(hours=10)


def test_what_it_missed() -> None:
    found = row(schedule(last=timedelta(hours=58)), [], NOON)
    assert found.missed == 2
    assert found.remark == "was due 1d 10h ago; does its server run?"
    found = row(schedule(last=timedelta(hours=58)), [backup("InProgress")], NOON)
    assert found.remark.endswith("daily-1 is InProgress still")
    assert row(schedule("58 11 * * *", last=timedelta(days=1)), [], NOON).missed == 0  # its time has just come
    skipped = schedule(last=timedelta(hours=58), status={"lastSkipped": NOON - timedelta(hours=1)})
    assert row(skipped, [], NOON).missed == 0


def test_states() -> None:
    paused = row(schedule(last=timedelta(days=5), paused=True), [], NOON)
    assert (paused.state, paused.next, paused.missed) == ("paused", None, 0)
    refused = row(schedule("x", status={"phase": "FailedValidation", "validationErrors": ["odd"]}), [], NOON)
    assert (refused.state, refused.next) == ("refused", None)
    assert "five fields" in refused.remark
    assert (
        row(schedule(last=timedelta(hours=10)), [backup("Failed")], NOON).remark
        == "its newest backup daily-1 is Failed"
    )


def test_a_cron_that_velero_would_refuse() -> None:
    assert checked("CRON_TZ=Europe/Berlin 5 2 * * *")
    for wrong in ("* * * *", "61 * * * *", "0 0 31 2 *", "CRON_TZ=Nowhere/At 5 2 * * *"):
        with pytest.raises(UsageError, match="cron"):
            checked(wrong)
