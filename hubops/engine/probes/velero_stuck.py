"""velero-backup-stuck and velero-backup-not-deleted: backups of Velero that do not end, and those that do not go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence
from hubops.engine.probes.velero import (
    BACKUPS,
    DELETIONS,
    LOCATIONS,
    SCHEDULES,
    Resources,
    begun,
    fields,
    is_good,
    location_of,
    server,
    told,
)
from hubops.engine.probes.velero_schedules import held_by, overdue
from hubops.engine.view import View
from hubops.model import velero_times
from hubops.model.check import Severity
from hubops.model.finding import Hit, Ref, Value
from hubops.model.quantity import human_duration
from hubops.model.velero import WAITING, Backup, Deletion, Location, label_value

_READ = fields(SCHEDULES, BACKUPS)
#: A backup of these is at work; the others wait, have ended, or go.
_GONE = frozenset({"Deleting"})


@probe(needs=(BACKUPS, SCHEDULES), fields=_READ)
def velero_backup_stuck(
    view: View, *, waiting: timedelta, unknown: timedelta, least: timedelta, times: float
) -> Iterator[Hit]:
    """Backups that have been at work *times* as long as the longest one of their schedule, and at least *least*.

    Where no earlier one is known it is *unknown*. One that no server has begun with for *waiting* is stuck, too, unless
    it stands in the queue behind one that is at work. It is critical where its schedule misses a time by it.
    """
    velero = Resources(view)
    for backup in velero.backups:
        at_work = not backup.ended and backup.phase not in WAITING | _GONE
        since = begun(backup)
        if since is None or not (at_work or backup.phase in WAITING):
            continue
        longest = _longest(velero.backups, backup)
        limit = max(least, times * longest) if longest else unknown
        if at_work and view.now - since > limit:
            usual = f"the longest before it took {human_duration(longest)}" if longest else "none before it is known"
            yield _stuck(view, velero, backup, f"is {backup.phase} for {human_duration(view.now - since)}; {usual}")
        elif not at_work and view.now - since > waiting and not _queued(velero.backups, backup):
            words = f"has waited for {human_duration(view.now - since)}, and no server has begun with it"
            yield _stuck(view, velero, backup, words)
    velero.doubt()


def _longest(backups: Sequence[Backup], like: Backup) -> timedelta | None:
    """How long the longest good one of the same schedule took."""
    taken = [
        each.status.completion_timestamp - each.status.start_timestamp
        for each in backups
        if is_good(each) and (each.namespace, each.schedule) == (like.namespace, like.schedule)
        if each.status.completion_timestamp and each.status.start_timestamp
    ]
    return max(taken, default=None)


def _queued(backups: Sequence[Backup], waiting: Backup) -> bool:
    """Whether it waits for its turn: a server works on one after the other."""
    busy = (each for each in backups if each.namespace == waiting.namespace and not each.ended)
    return any(each.phase not in WAITING | _GONE for each in busy)


def _stuck(view: View, velero: Resources, backup: Backup, words: str) -> Hit:
    held = next((each for each in velero.planned if held_by(each) is backup), None)
    severity: Severity | None = None
    shown = [told(backup)]
    if held and (due := _missed_by_it(view, velero, backup)):
        severity = "critical"
        shown.append(
            evidence.fact(f"Schedule {held.schedule.name} begins no other before it has ended, and was due", due)
        )
    progress = backup.status.progress
    if progress and progress.total_items:
        shown.append(evidence.fact(f"{progress.items_backed_up} of {progress.total_items} items are in it"))
    location = location_of(backup)
    return Hit(
        ref=Ref("Backup", backup.name, backup.namespace),
        summary=words,
        evidence=tuple(shown),
        value=Value((view.now - since).total_seconds(), "seconds") if (since := begun(backup)) else None,
        since=begun(backup),
        severity=severity,
        depends_on=tuple(each for each in (server(backup.namespace), location) if each),
        details={"backup": backup.name},
    )


def _missed_by_it(view: View, velero: Resources, backup: Backup) -> datetime | None:
    """When the schedule of *backup* was due while it held that up."""
    for planned in velero.planned:
        if planned.works and held_by(planned) is backup:
            try:
                return overdue(view, planned, velero_times.times(planned.schedule), timedelta())
            except ValueError:
                return None
    return None


@probe(needs=(BACKUPS, DELETIONS), uses=(LOCATIONS,), fields=fields(BACKUPS, DELETIONS, LOCATIONS))
def velero_backup_not_deleted(view: View, *, within: timedelta, expired: timedelta) -> Iterator[Hit]:
    """Backups whose deletion failed or takes longer than *within*, and those that should have gone *expired* ago.

    What lies in a read-only location is not deleted from here, and is meant to stay.
    """
    velero = Resources(view)
    requests = sorted(velero.deletions, key=lambda each: bool(each.status.errors))  # those that failed win
    asked = {(each.namespace, each.spec.backup_name): each for each in requests}
    kept = {(each.namespace, each.name) for each in velero.read(LOCATIONS, Location) if each.read_only}
    for backup in velero.backups:
        location = location_of(backup)
        if location and (location.namespace or "", location.name) in kept:
            continue
        found = _not_gone(view, backup, asked.get((backup.namespace, backup.name)), within, expired)
        if found:
            yield _stays(backup, *found)
    velero.doubt()


def _not_gone(
    view: View, backup: Backup, request: Deletion | None, within: timedelta, expired: timedelta
) -> tuple[str, datetime | None] | None:
    """Why it is still there, and since when, where it should not be."""
    end = backup.status.expiration
    if request and request.status.errors:
        return f"cannot be deleted: {request.status.errors[0]}", request.metadata.creation_timestamp
    asked = request.metadata.creation_timestamp if request else None
    if asked and view.now - asked > within:
        return f"is in deletion for {human_duration(view.now - asked)}", asked
    if request is None and backup.phase in _GONE:
        return "is in deletion, and no request for it is there any more", None
    if request is None and end and view.now - end > expired:
        return f"expired {human_duration(view.now - end)} ago, and is still there", end
    return None


def _stays(backup: Backup, words: str, since: datetime | None) -> Hit:
    location = location_of(backup)
    schedule = backup.schedule
    ref = Ref("Backup", backup.name, backup.namespace)
    return Hit(
        # A schedule's backups fail to go alike; its label may be cut, and then names nothing.
        ref=Ref("Schedule", schedule, backup.namespace) if schedule and label_value(schedule) == schedule else ref,
        summary=evidence.bounded(f"a backup of it {words}" if schedule else words, 300),
        evidence=(told(backup),),
        since=since,
        depends_on=tuple(each for each in (location, server(backup.namespace)) if each),
        details={"backup": backup.name},
        example=backup.name,
    )
