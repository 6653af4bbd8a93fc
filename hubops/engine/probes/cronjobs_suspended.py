"""cronjob-suspended: CronJobs that somebody suspended and that nobody has resumed since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import cronjobs, evidence
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Value
from hubops.model.kube.workloads import CronJob
from hubops.model.quantity import human_duration


@probe(needs=("cronjobs", "jobs"))
def cronjob_suspended(view: View, *, forgotten: timedelta) -> Iterator[Hit]:
    """Suspended CronJobs of which the first run that was left out is *forgotten* or more ago.

    Nothing says when it was suspended; its first missed run came after that. One that never runs by its schedule, or
    that Jobs were made from by hand within that time, is a template and meant to be suspended.
    """
    for item in view.objects.cronjobs:
        if not item.spec.suspend or item.metadata.deletion_timestamp is not None:
            continue
        since = _missed_since(item)
        if since is not None and view.now - since >= forgotten and not _in_use(view, item, forgotten):
            yield Hit(
                ref=cronjobs.reference(item),
                summary=f"has been suspended for {human_duration(view.now - since)} or longer",
                evidence=tuple(_evidence(item)),
                value=Value((view.now - since).total_seconds(), "seconds"),
                since=since,
            )


def _missed_since(item: CronJob) -> datetime | None:
    begun = cronjobs.begun(item)
    try:
        return cronjobs.schedule_of(item).after(begun) if begun else None
    except ValueError:
        return None  # it could not run if it were resumed: cronjob-missed says so then


def _in_use(view: View, item: CronJob, within: timedelta) -> bool:
    made = [job.metadata.creation_timestamp for job in cronjobs.jobs_of(view, item)]
    return any(view.now - time < within for time in made if time is not None)


def _evidence(item: CronJob) -> Iterator[Evidence]:
    yield cronjobs.schedule_fact(item)
    last = item.status.last_schedule_time
    yield evidence.fact("the last run was due" if last else "it has never run", last)
