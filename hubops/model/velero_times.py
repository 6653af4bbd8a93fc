"""When a Schedule of Velero is due: its own cron, as the server that made its last backup reads it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from hubops.model import cron
from hubops.model.cron import Every
from hubops.model.velero import Schedule

#: How late a backup may begin and still be of its time: Velero looks at its schedules once a minute.
_LOOKS = timedelta(seconds=90)


def times(schedule: Schedule) -> cron.Schedule:
    """The times of *schedule*, in UTC where it names no zone. Raises ValueError where they cannot be read.

    Where days of the month and of the week are both given, Velero up to 1.18.1 makes a backup when either fits, a newer
    one when both do. The last one may tell which it is: it began at a time that only fits for one of them.
    """
    text, last = schedule.spec.schedule, schedule.status.last_backup
    newer = cron.parse(text, dialect="go-cron")
    if last is None or isinstance(newer, Every) or is_time(newer, last):
        return newer
    try:
        older = cron.parse(text)
    except ValueError:  # only the newer one can have read it
        return newer
    return older if is_time(older, last) else newer


def is_time(of: cron.Schedule, moment: datetime) -> bool:
    """Whether something that began at *moment* did so because one of the times *of* had come."""
    due = of.after(moment - _LOOKS)
    return due is not None and due <= moment


def last(schedule: Schedule) -> datetime | None:
    """From when on its next backup is due: its last one, one that it was told to skip, or its creation."""
    status = schedule.status
    begun = status.last_backup or schedule.metadata.creation_timestamp
    return max((time for time in (begun, status.last_skipped) if time), default=None)


def period(of: cron.Schedule, after: datetime) -> timedelta | None:
    """How long it is from the next of the times *of* to the one after that; None where there are no two."""
    first = of.after(after)
    second = of.after(first) if first else None
    return second - first if first and second else None
