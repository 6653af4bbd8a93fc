"""drill-due: the calendar of drills, and the schedules of Velero of which no backup was ever restored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import Absent, probe
from hubops.engine.probes import journal
from hubops.engine.probes.journal import Kept, decided, kinds, told
from hubops.engine.probes.velero import (
    BACKUPS,
    RESTORES,
    SCHEDULES,
    Planned,
    Resources,
    begun,
    fields,
    last_good,
    schedule_fact,
)
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Value
from hubops.model.quantity import human_duration
from hubops.model.snapshot import not_installed
from hubops.model.velero import Restore, label_value

_VELERO = (SCHEDULES, BACKUPS, RESTORES)
_STAMP = 15  # characters that Velero puts after the name of a schedule: "-20260131120000"


@probe(needs=(journal.EVIDENCE,), uses=_VELERO, fields=fields(*_VELERO))
def drill_due(view: View, *, ahead: timedelta, young: timedelta) -> Iterator[Hit]:
    """Kinds of backups whose next drill is due within *ahead*, or over; and schedules of Velero never restored from.

    What is only due is information. A schedule counts once it is *young* old and has a good backup; Velero forgets the
    restores of a backup with that backup, the journal of hubops does not forget its drills.
    """
    found, absent = [], None
    try:
        found = kinds(view)
    except Absent as error:
        absent = error
    velero = Resources(view)
    for name in _VELERO:
        reason = view.snapshot.unread.get(name)
        if reason and not not_installed(name, reason):
            velero.cannot(f"{name} could not be read, so that nothing is known of Velero's schedules: {reason}")
    planned = velero.planned if velero.is_certain else ()
    for kept in found:
        if not kept.in_doubt and (hit := _due(view, kept, ahead)):
            yield hit
    for each in planned:
        if hit := _never_restored(view, velero, each, young):
            yield hit
    if absent and not planned and velero.is_certain:
        raise absent
    velero.doubt()
    list(decided(found))  # says which kinds could not be judged


def _due(view: View, kept: Kept, ahead: timedelta) -> Hit | None:
    proven, every = kept.newest_good("drill"), timedelta(seconds=kept.promised.proven_every_s)
    if proven is None:
        return Hit(
            ref=kept.ref,
            summary=f"was never restored by a drill; promised is one every {human_duration(every)}",
            evidence=(*_newest(kept), journal.last_good(kept, "backup")),
        )
    due = proven.at + every
    if due - view.now > ahead:
        return None
    left = human_duration(due - view.now)
    when = f"is due in {left}" if due > view.now else f"was due {left} ago"
    return Hit(
        ref=kept.ref,
        summary=f"its next drill {when}; the last one that succeeded was {journal.ago(view, proven)}",
        evidence=(told(proven), *_newest(kept)),
        value=Value((due - view.now).total_seconds(), "seconds"),
        since=due if due <= view.now else None,
        severity="info" if due > view.now else None,
    )


def _newest(kept: Kept) -> Iterator[Evidence]:
    """The newest drill where it proved nothing."""
    newest = kept.newest("drill")
    if newest and newest.outcome != "succeeded":
        yield told(newest)


def _never_restored(view: View, velero: Resources, planned: Planned, young: timedelta) -> Hit | None:
    schedule = planned.schedule
    created = schedule.metadata.creation_timestamp
    if planned.good is None or not planned.works or (created and view.now - created < young):
        return None
    label = label_value(schedule.name)
    drilled = any(
        run.action == "drill" and run.outcome == "succeeded" and run.velero and run.velero.schedule == label
        for run in view.snapshot.journal.runs
    )
    if drilled or any(_is_of(each.spec.backup_name, each.spec.schedule_name, planned) for each in _good(velero)):
        return None
    return Hit(
        ref=planned.ref,
        summary="no backup of it is known to have been restored, not even into other namespaces",
        evidence=(schedule_fact(planned), last_good(planned.backups)),
        since=begun(planned.backups[-1]),
    )


def _good(velero: Resources) -> Iterator[Restore]:
    yield from (each for each in velero.restores if each.phase == "Completed")


def _is_of(backup: str, schedule: str, planned: Planned) -> bool:
    """Whether a restore of *backup*, or of the newest one of *schedule*, was of its backups, which may be gone."""
    mine = planned.schedule.name
    stamp = backup.removeprefix(mine)
    made = backup.startswith(mine) and len(stamp) == _STAMP and stamp[1:].isdigit()
    return schedule == mine or made or any(each.name == backup for each in planned.backups)
