"""velero-backup-failed, velero-hooks-failed, velero-warnings: what the newest backups of Velero came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from statistics import median

from hubops.engine.probe import probe
from hubops.engine.probes import evidence
from hubops.engine.probes.velero import (
    BACKUPS,
    FAILED,
    SCHEDULES,
    Planned,
    Resources,
    begun,
    fields,
    is_ahead,
    is_empty,
    is_good,
    last_good,
    location_of,
    schedule_fact,
    told,
    why,
)
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.quantity import human_duration
from hubops.model.velero import Backup

_READ = fields(SCHEDULES, BACKUPS)
_MANAGED = "app.kubernetes.io/managed-by"


@probe(needs=(BACKUPS, SCHEDULES), uses=("journal",), fields=_READ)
def velero_backup_failed(view: View, *, lasting: timedelta) -> Iterator[Hit]:
    """Schedules whose newest backup that has ended is not good, and backups that hubops asked for beside them.

    One that is good in part is a warning, until there has been no good one for *lasting*. A later good one cures it.
    Backups of schedules that are gone, or of another cluster in the same bucket, are nobody's business here.
    """
    velero = Resources(view)
    for planned in velero.planned:
        over = _judged(view, planned.over)
        if over and _is_bad(over[0]):
            yield _failed(view, planned.ref, over, lasting, planned)
    for namespace, backups in _asked_for(view, velero):
        if _is_bad(backups[0]):
            yield _failed(view, Ref("Backup", backups[0].name, namespace), backups, lasting)
    velero.doubt()


def _judged(view: View, backups: Sequence[Backup]) -> list[Backup]:
    """Those that have ended by now, the newest first; one dated in the future tells nothing about now."""
    return [each for each in backups if not is_ahead(view, begun(each))]


def _is_bad(backup: Backup) -> bool:
    return backup.phase in FAILED or is_empty(backup)


def _asked_for(view: View, velero: Resources) -> Iterator[tuple[str, list[Backup]]]:
    """What `hubops backup velero` asked for without a schedule, by the server's namespace.

    Where the journal tells of it, the run was judged there, and more closely.
    """
    recorded = {run.velero.name for run in view.snapshot.journal.runs if run.velero}
    found: dict[str, list[Backup]] = {}
    for each in _judged(view, velero.backups):
        if each.ended and each.metadata.labels.get(_MANAGED) == "hubops" and not each.schedule:
            found.setdefault(each.namespace, []).append(each)
    yield from ((namespace, backups) for namespace, backups in found.items() if backups[0].name not in recorded)


def _failed(view: View, ref: Ref, over: Sequence[Backup], lasting: timedelta, planned: Planned | None = None) -> Hit:
    newest, good = over[0], next((each for each in over if is_good(each)), None)
    first = _first_of_these(over)
    since, was_good = begun(first), begun(good) if good else None
    partial = newest.phase == "PartiallyFailed" and was_good is not None and view.now - was_good < lasting
    how = {"PartiallyFailed": "is good only in part", "Completed": "is empty"}.get(newest.phase, "failed")
    before = over.index(first)
    times = f" (so did {'the one' if before == 1 else before} before it)" if before else ""
    none = f"the last good one is {human_duration(view.now - was_good)} old" if was_good else "none is good"
    location = location_of(newest)
    return Hit(
        ref=ref,
        summary=evidence.bounded(f"its newest backup {newest.name} {how}{times}; {none}: {why(newest)}", 400),
        evidence=(told(newest), last_good(over), *([schedule_fact(planned)] if planned else [])),
        value=Value((view.now - was_good).total_seconds(), "seconds") if was_good else None,
        since=since,
        severity="warning" if partial else None,
        # What went wrong in part had a location that could be used when it began.
        depends_on=(location,) if location and newest.phase in {"FailedValidation", "Failed"} else (),
        details={"backup": newest.name} | ({"location": location.name} if location else {}),
    )


def _first_of_these(over: Sequence[Backup]) -> Backup:
    """The first of the failures that have not ended since."""
    first = over[0]
    for each in over:
        if not _is_bad(each):
            break
        first = each
    return first


@probe(needs=(BACKUPS, SCHEDULES), fields=_READ)
def velero_hooks_failed(view: View) -> Iterator[Hit]:
    """Schedules in whose newest backup commands before or after it failed: what it copied may not fit together."""
    velero = Resources(view)
    for planned in velero.planned:
        for newest in _judged(view, planned.over)[:1]:
            hooks = newest.status.hook_status
            if hooks and hooks.hooks_failed:
                attempted = max(hooks.hooks_attempted, hooks.hooks_failed)
                yield Hit(
                    ref=planned.ref,
                    summary=f"{hooks.hooks_failed} of {evidence.counted(attempted, 'hook')} failed in its newest "
                    f"backup {newest.name}: what applications had in memory may be missing in it",
                    evidence=(told(newest), *_earlier_hooks(planned.over[1:4])),
                    value=Value(hooks.hooks_failed, "hooks"),
                    since=begun(newest),
                    details={"backup": newest.name},
                )
    velero.doubt()


def _earlier_hooks(backups: Sequence[Backup]) -> Iterator[Evidence]:
    for each in backups:
        hooks = each.status.hook_status
        failed, attempted = (hooks.hooks_failed, hooks.hooks_attempted) if hooks else (0, 0)
        words = f"{failed} of {evidence.counted(attempted, 'hook')} failed"
        yield evidence.fact(f"backup {each.name}: {words}", begun(each))


@probe(needs=(BACKUPS, SCHEDULES), fields=_READ)
def velero_warnings(view: View, *, times: float, least: int) -> Iterator[Hit]:
    """Schedules whose newest backup has warnings; a warning where they grow, which is to *times* those before it.

    Growth is told from *least* warnings on: from one to two is none.
    """
    velero = Resources(view)
    for planned in velero.planned:
        for newest in _judged(view, planned.over)[:1]:
            if newest.status.warnings and not _is_bad(newest):
                yield _warned(planned, newest, times, least)
    velero.doubt()


def _warned(planned: Planned, newest: Backup, times: float, least: int) -> Hit:
    number = newest.status.warnings
    earlier = [each.status.warnings for each in planned.over[1:] if is_good(each)][:10]
    usual = median(earlier) if earlier else number
    grows = number >= least and number >= times * max(usual, 1)
    before = f"; those before it had {usual:g}" if earlier else ""
    return Hit(
        ref=planned.ref,
        summary=f"its newest backup {newest.name} has {evidence.counted(number, 'warning')}{before}",
        evidence=(told(newest), evidence.fact(f"warnings of the backups before it: {', '.join(map(str, earlier))}"))
        if earlier
        else (told(newest),),
        value=Value(number, "warnings"),
        since=begun(newest),
        severity="warning" if grows else None,
        details={"backup": newest.name},
    )
