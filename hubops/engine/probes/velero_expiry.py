"""velero-backup-expires: schedules that may be left without a single good backup, because those end too soon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence
from hubops.engine.probes.velero import (
    BACKUPS,
    SCHEDULES,
    Planned,
    Resources,
    fields,
    is_good,
    kept_for,
    last_good,
    schedule_fact,
    told,
)
from hubops.engine.view import View
from hubops.model import velero_times
from hubops.model.finding import Hit, Value
from hubops.model.quantity import human_duration


@probe(needs=(BACKUPS, SCHEDULES), fields=fields(BACKUPS, SCHEDULES))
def velero_backup_expires(view: View, *, ahead: timedelta, periods: float) -> Iterator[Hit]:
    """Schedules whose last good backup expires within *ahead* and no later one is good; and those that keep theirs for
    less than *periods* of their own times: one that fails then leaves none.
    """
    velero = Resources(view)
    for planned in velero.planned:
        if hit := _ending(view, planned, ahead) or _short(view, planned, periods):
            yield hit
    velero.doubt()


def _ending(view: View, planned: Planned, ahead: timedelta) -> Hit | None:
    """The last good one is about to go, and the newest that ended is not it, or none is made any more."""
    good, end = planned.good, planned.good.status.expiration if planned.good else None
    if good is None or end is None or end - view.now > ahead:
        return None
    if planned.over and is_good(planned.over[0]) and planned.works:
        return None  # the next one is to come in time: velero-schedule-missed tells where it does not
    left = human_duration(end - view.now)
    when = f"expires in {left}" if end > view.now else f"expired {left} ago"
    why = "makes no backups any more" if not planned.works else "the newer ones are not good"
    return Hit(
        ref=planned.ref,
        summary=f"its last good backup {good.name} {when}, and {why}: nothing is left to restore then",
        evidence=(told(good), *(told(each) for each in planned.over[:1] if each is not good), schedule_fact(planned)),
        value=Value((end - view.now).total_seconds(), "seconds"),
        details={"backup": good.name},
    )


def _short(view: View, planned: Planned, periods: float) -> Hit | None:
    """It keeps its backups for hardly longer than until the next."""
    if not planned.works:
        return None
    try:
        every = velero_times.period(velero_times.times(planned.schedule), view.now)
    except ValueError:
        return None  # velero-schedule-missed cannot read it either, and says so
    kept = kept_for(planned)
    if every is None or kept >= periods * every:
        return None
    words = f"keeps its backups for {human_duration(kept)} and makes one each {human_duration(every)}"
    return Hit(
        ref=planned.ref,
        summary=f"{words}: one that fails leaves nothing to restore",
        evidence=(schedule_fact(planned), evidence.fact(f"time to live {human_duration(kept)}"),
                  last_good(planned.backups)),
        value=Value(kept.total_seconds(), "seconds"),
    )  # fmt: skip
