"""velero-schedule-missed, -invalid, -paused: Schedules of Velero that make no backups when they should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.cronjobs import MANY, runs_between
from hubops.engine.probes.velero import (
    BACKUPS,
    SCHEDULES,
    Planned,
    Resources,
    begun,
    fields,
    is_ahead,
    last_good,
    schedule_fact,
    server,
    told,
)
from hubops.engine.view import View
from hubops.model import velero_times
from hubops.model.check import Severity
from hubops.model.cron import Every
from hubops.model.cron import Schedule as Times
from hubops.model.finding import Evidence, Hit, Value
from hubops.model.quantity import human_duration
from hubops.model.velero import Backup

_READ = fields(SCHEDULES, BACKUPS)
#: A Schedule begins no backup while one of its own is in one of these (checkIfBackupInNewOrProgress).
_HOLDS = frozenset({"", "New", "InProgress"})


@probe(needs=(SCHEDULES, BACKUPS), fields=_READ)
def velero_schedule_missed(view: View, *, grace: timedelta, lasting: timedelta) -> Iterator[Hit]:
    """Schedules that are more than *grace* behind their own cron.

    It is critical once a second time was missed and there has been no good backup for *lasting*. Paused ones are not
    behind, nor is one that waits for a backup of its own to end: velero-backup-stuck tells when that takes too long.
    """
    velero = Resources(view)
    for planned in velero.planned:
        if not planned.works or held_by(planned):
            continue
        try:
            times = velero_times.times(planned.schedule)
        except ValueError as error:
            velero.cannot(f"{planned.ref}: {error}")
            continue
        last = velero_times.last(planned.schedule)
        if is_ahead(view, last):
            velero.cannot(f"{planned.ref}: its last backup is dated after this round: its server's clock was wrong")
        elif due := overdue(view, planned, times, grace):
            yield _missed(view, planned, times, due, lasting)
    velero.doubt()


def held_by(planned: Planned) -> Backup | None:
    """The backup of the schedule that has to end before Velero begins another."""
    return next((each for each in planned.backups if each.phase in _HOLDS), None)


def overdue(view: View, planned: Planned, times: Times, grace: timedelta) -> datetime | None:
    """When the first backup that did not come was due; None while none is *grace* overdue.

    A last one that began at none of its times says that it began late, that the schedule was changed, or that the
    server reads it in another time zone than UTC. The next may then be up to two periods after the last.
    """
    last, begun_at = velero_times.last(planned.schedule), planned.schedule.status.last_backup
    due = times.after(last) if last else None
    if last is None or due is None or view.now - due < grace:
        return None
    if isinstance(times, Every) or begun_at is None or velero_times.is_time(times, begun_at):
        return due
    following = times.after(due)
    return due if following is not None and view.now - last > 2 * (following - due) + grace else None


def _missed(view: View, planned: Planned, times: Times, due: datetime, lasting: timedelta) -> Hit:
    runs = 1 + runs_between(times, due, view.now)
    number = "a backup" if runs == 1 else f"more than {MANY} backups" if runs > MANY else f"{runs} backups"
    good = begun(planned.good) if planned.good else None
    since_good = f"the last good one is {human_duration(view.now - good)} old" if good else "none is good"
    status = planned.schedule.status
    what = f"missed {number}" if status.last_backup else f"has never made a backup, and missed {number}"
    lasts = runs > 1 and pods.longer_than(view, good, lasting)
    severity: Severity | None = "critical" if lasts else None
    unseen = "" if status.phase else ": no server has looked at it, and each looks only into its own namespace"
    return Hit(
        ref=planned.ref,
        summary=f"{what}, the first {human_duration(view.now - due)} ago; {since_good}{unseen}",
        evidence=(
            schedule_fact(planned),
            evidence.fact("the first one that did not come was due", due),
            last_good(planned.backups),
            *_both_days(planned),
        ),
        value=Value(float(runs), "backups"),
        since=due,
        severity=severity,
        depends_on=(server(planned.schedule.namespace),),
    )


def _both_days(planned: Planned) -> Iterator[Evidence]:
    parts = planned.schedule.spec.schedule.split()[-5:]
    if len(parts) == 5 and not {parts[2], parts[4]} & {"*", "?"}:
        words = "Velero up to 1.18.1 makes one when either fits, a newer one only when both do"
        yield evidence.fact(f"day of the month {parts[2]} and day of the week {parts[4]}: {words}")


@probe(needs=(SCHEDULES,), fields=fields(SCHEDULES))
def velero_schedule_invalid(view: View) -> Iterator[Hit]:
    """Schedules that Velero refuses, and those whose time never comes, which it takes for always due."""
    velero = Resources(view)
    for planned in velero.planned:
        schedule = planned.schedule
        if schedule.status.phase == "FailedValidation":
            said = "; ".join(schedule.status.validation_errors) or "it gives no reason"
            yield _invalid(planned, f"makes no backups: Velero refuses it: {said}")
        elif not schedule.spec.paused and _never(planned):
            words = "its time never comes: Velero takes it for always due, and begins a backup whenever it looks"
            yield _invalid(planned, words)
    velero.doubt()


def _never(planned: Planned) -> bool:
    """Whether Velero reads it, and it has no time within five years."""
    last = velero_times.last(planned.schedule)
    try:
        return last is not None and velero_times.times(planned.schedule).after(last) is None
    except ValueError:
        return False  # what only the server can read is unknown to velero-schedule-missed


def _invalid(planned: Planned, summary: str) -> Hit:
    return Hit(
        ref=planned.ref,
        summary=evidence.bounded(summary, 300),
        evidence=(schedule_fact(planned),),
        since=planned.schedule.metadata.creation_timestamp,
    )


@probe(needs=(SCHEDULES, BACKUPS), fields=_READ)
def velero_schedule_paused(view: View, *, forgotten: timedelta) -> Iterator[Hit]:
    """Paused schedules of which the first backup that was left out is *forgotten* or more ago.

    Nothing says when one was paused; its first missed backup came after that.
    """
    velero = Resources(view)
    for planned in velero.planned:
        if not planned.schedule.spec.paused:
            continue
        last = velero_times.last(planned.schedule)
        try:
            since = velero_times.times(planned.schedule).after(last) if last else None
        except ValueError:
            continue  # velero-schedule-invalid tells it once it is no longer paused
        if since is not None and view.now - since >= forgotten:
            yield Hit(
                ref=planned.ref,
                summary=f"has been paused for {human_duration(view.now - since)} or longer, and makes no backups",
                evidence=(schedule_fact(planned), *(told(each) for each in planned.backups[:1])),
                value=Value((view.now - since).total_seconds(), "seconds"),
                since=since,
            )
    velero.doubt()
