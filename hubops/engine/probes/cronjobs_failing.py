"""cronjob-failing: CronJobs whose runs begin and do not succeed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile

from hubops.engine.probe import probe
from hubops.engine.probes import cronjobs, evidence, jobs
from hubops.engine.view import View
from hubops.model.cron import Schedule
from hubops.model.finding import Evidence, Hit, Value
from hubops.model.kube.workloads import CronJob, Job


@probe(needs=("cronjobs", "jobs"), uses=("pods", "events", "container-logs"))
def cronjob_failing(view: View, *, runs: int, seldom: timedelta) -> Iterator[Hit]:
    """CronJobs of which no run has succeeded for *runs* runs, or for one where runs are *seldom* or more apart.

    The Jobs that are kept tell how runs ended (one failed Job by default), the schedule how many there were since the
    last success. What is suspended is somebody's business already.
    """
    for item in view.objects.cronjobs:
        if item.spec.suspend or item.metadata.deletion_timestamp is not None:
            continue
        try:
            schedule = cronjobs.schedule_of(item)
        except ValueError:
            continue  # cronjob-missed says so
        own = cronjobs.jobs_of(view, item)
        last = next((job for job in reversed(own) if jobs.failure(job) or jobs.succeeded(job)), None)
        count = _since_success(item, schedule, own, last)
        if not _fails(item, own, last):
            if _unfinished(item, own, runs) and count > runs:
                yield _hit(view, item, None, count, _why_unfinished(item))
        elif last is None and count >= runs:
            yield _hit(view, item, None, count, "their Jobs are not kept, and nothing says why")
        elif last is not None and (count >= runs or _apart(schedule, last) >= seldom):
            yield _hit(view, item, last, max(count, 1), jobs.why(view, last))


def _success(item: CronJob, own: list[Job]) -> datetime | None:
    """When a run last succeeded, as far as it is known."""
    times = [job.status.completion_time for job in own if jobs.succeeded(job)]
    return max((t for t in (item.status.last_successful_time, *times) if t is not None), default=None)


def _fails(item: CronJob, own: list[Job], last: Job | None) -> bool:
    """Whether the last run that ended has failed; without any Job, whether the last run was no success."""
    success = _success(item, own)
    if last is not None:
        started = last.status.start_time or last.metadata.creation_timestamp
        return jobs.failure(last) is not None and (success is None or started is None or started > success)
    # No Job is left of it: failed ones are not kept. Where there never was a success, Jobs may just be tidied away.
    begun = item.status.last_schedule_time
    return not own and not item.status.active and success is not None and begun is not None and begun > success


def _unfinished(item: CronJob, own: list[Job], runs: int) -> bool:
    """Whether runs that once succeeded now take each other's place, or pile up. Forbid is cronjob-missed's.

    One that never succeeded and is replaced each time may be meant to run on, as a worker that is started afresh.
    """
    active, success = len(item.status.active), _success(item, own)
    return success is not None and active >= (1 if item.spec.concurrency_policy == "Replace" else runs)


def _why_unfinished(item: CronJob) -> str:
    if item.spec.concurrency_policy == "Replace":
        return "each is replaced by the next before it has finished (concurrencyPolicy Replace)"
    return f"{len(item.status.active)} are active at once, and none of them finishes"


def _since_success(item: CronJob, schedule: Schedule, own: list[Job], last: Job | None) -> int:
    """How many runs were due after the last success, up to the last that failed; to the last of all without one."""
    success = _success(item, own)
    ended = list(takewhile(lambda job: not jobs.succeeded(job), reversed(own)))
    kept = sum(1 for job in ended if jobs.failure(job))
    start = success or item.metadata.creation_timestamp
    failed = last is not None and jobs.failure(last) is not None
    end = last.metadata.creation_timestamp if last and failed else item.status.last_schedule_time
    return max(kept, cronjobs.runs_between(schedule, start, end) if start and end else 0)


def _apart(schedule: Schedule, last: Job) -> timedelta:
    """How long it is from the run *last* to the next, so to another chance."""
    began = last.metadata.creation_timestamp
    due = schedule.after(began) if began else None
    following = schedule.after(due) if due else None
    return following - due if due and following else timedelta.max


def _hit(view: View, item: CronJob, last: Job | None, count: int, reason: str) -> Hit:
    success = item.status.last_successful_time
    times = f"the last {count} times" if count <= cronjobs.MANY else f"more than {cronjobs.MANY} times"
    number = f"did not succeed {times} it was due" if count > 1 else "its last run did not succeed"
    return Hit(
        ref=cronjobs.reference(item),
        summary=evidence.bounded(f"{number}: {reason}", 400),
        evidence=tuple(_evidence(view, item, last, success)),
        value=Value(float(count), "runs"),
        since=_began(item, last, success),
        depends_on=jobs.depends_on(view, last) if last else (),
        details=jobs.details(view, last) if last else {},
    )


def _began(item: CronJob, last: Job | None, success: datetime | None) -> datetime | None:
    """Since when it has not worked: its last success, else the failure that is known."""
    state = jobs.failure(last) if last else None
    return success or (state.last_transition_time if state else None) or item.metadata.creation_timestamp


def _evidence(view: View, item: CronJob, last: Job | None, success: datetime | None) -> Iterator[Evidence]:
    yield evidence.fact("last success" if success else "no run has ever succeeded", success)
    if last is not None:
        yield from jobs.shown(view, last)
    yield cronjobs.schedule_fact(item)
