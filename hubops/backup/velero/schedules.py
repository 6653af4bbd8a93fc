"""Schedules of Velero: when they are due, whether they ran, and what keeps them from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from hubops.clients.retry import Deadline
from hubops.clients.velero import VeleroClient
from hubops.errors import UsageError
from hubops.model import cron
from hubops.model.quantity import human_duration
from hubops.model.velero import Backup, Schedule, label_value
from hubops.model.velero_told import ScheduleRow, State

#: How long after its time a backup may begin: the server looks at Schedules once a minute, others may be before it.
_GRACE = timedelta(minutes=5)
_NEVER = 1000  # so many missed times are counted
_LOOKED_WITHIN, _PAUSE = 90.0, 0.3  # seconds


def row(schedule: Schedule, backups: Sequence[Backup], now: datetime) -> ScheduleRow:
    """How *schedule* stands; *backups* are all of its namespace, newest first."""
    mine = [each for each in backups if each.schedule == label_value(schedule.name)]
    good = next((each.status.start_timestamp for each in mine if each.phase == "Completed"), None)
    state = _state(schedule)
    told = ScheduleRow(name=schedule.name, cron=schedule.spec.schedule, state=state, last=schedule.status.last_backup,
               last_good=good)  # fmt: skip
    try:
        due = parsed(schedule.spec.schedule)
    except ValueError as error:
        return msgspec.structs.replace(told, remark=str(error))
    since = _since(schedule)
    after = due.after(since) if since else None
    missed = _missed(due, since, now) if state == "enabled" and since else 0
    upcoming = due.after(now) if state in {"enabled", "new"} else None
    return msgspec.structs.replace(
        told, next=upcoming, missed=missed, remark=_remark(schedule, mine, after, missed, now)
    )


def parsed(text: str) -> cron.Schedule:
    """When *text* is due, as Velero's server reads it: in UTC where it names no zone. Raises ValueError."""
    return cron.parse(text, dialect="go-cron")


def _state(schedule: Schedule) -> State:
    if schedule.spec.paused:
        return "paused"
    if schedule.status.phase == "FailedValidation":
        return "refused"
    return "enabled" if schedule.status.phase == "Enabled" else "new"


def _since(schedule: Schedule) -> datetime | None:
    """What Velero counts from: the last backup or skipped time, or its making."""
    status = schedule.status
    last = status.last_backup or schedule.metadata.creation_timestamp
    return max(last, status.last_skipped) if last and status.last_skipped else last


def _missed(due: cron.Schedule, since: datetime, now: datetime) -> int:
    """How often it was due after *since* and nothing was begun."""
    missed, at = 0, due.after(since)
    while at is not None and at + _GRACE < now and missed < _NEVER:
        missed, at = missed + 1, due.after(at)
    return missed


def _remark(schedule: Schedule, mine: Sequence[Backup], due: datetime | None, missed: int, now: datetime) -> str:
    if schedule.status.validation_errors:
        return "; ".join(schedule.status.validation_errors)
    if missed and due:
        going = next((each for each in mine if not each.ended), None)
        why = f"; {going.name} is {going.phase or 'New'} still" if going else "; does its server run?"
        return f"was due {human_duration(now - due)} ago{why}"
    newest = next((each for each in mine if each.ended), None)
    if newest and newest.phase != "Completed":
        return f"its newest backup {newest.name} is {newest.phase}"
    return "" if mine else "has made no backup yet"


def checked(text: str) -> str:
    """*text*, if it is a cron that Velero takes. Raises UsageError."""
    try:
        if parsed(text).after(datetime.now().astimezone()) is None:
            raise ValueError("no such time comes within five years")
    except ValueError as error:
        raise UsageError(f"cron {text!r}: {error}") from error
    return text


def accepted(velero: VeleroClient, schedule: Schedule, *, say: Callable[[str], None]) -> str:
    """Empty once Velero's server has looked at *schedule*; or why it refuses it, or that none has looked."""
    patience = Deadline(_LOOKED_WITHIN)
    while patience.remaining():
        found = velero.get(Schedule, schedule.name)
        if found is None:
            return "it was deleted meanwhile"
        if found.status.validation_errors:
            return f"Velero refuses it: {'; '.join(found.status.validation_errors)}"
        if found.status.phase == "Enabled":
            return ""
        say("waiting until Velero's server has looked at it")
        velero.cluster.deadline.bound(_PAUSE)
        velero.cluster.deadline.pause(_PAUSE)
    return f"no Velero server has looked at it for {_LOOKED_WITHIN:g} s; does Deployment velero run?"
