"""cronjob-missed: CronJobs whose time has come and gone without a run, by their own schedule and time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, takewhile

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, jobs, refused
from hubops.engine.view import View
from hubops.model import cron
from hubops.model.cron import Every, Schedule
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Event
from hubops.model.kube.workloads import CronJob, Job
from hubops.model.quantity import human_duration

#: Missed runs are counted up to here, as the controller does: a schedule of every minute misses half a million a year.
MANY = 100
#: Below this the controller, which looks every 10 s, may find each run to be too late (API reference of CronJob).
_TOO_SHORT = timedelta(seconds=10)
_CONTROLLER = Ref("Lease", "kube-controller-manager", "kube-system")


@probe(needs=("cronjobs", "jobs"), uses=("events",))
def cronjob_missed(view: View, *, grace: timedelta, hanging: timedelta, times: float) -> Iterator[Hit]:
    """CronJobs that are more than *grace* behind their schedule, and those whose schedule cannot be read.

    With concurrencyPolicy Forbid a run may outlast its period by design. It hangs once it has run for *hanging*, and
    *times* as long as the longest run that is still known.
    """
    for item in view.objects.cronjobs:
        if item.spec.suspend or item.metadata.deletion_timestamp is not None:
            continue
        try:
            schedule = schedule_of(item)
        except ValueError as error:
            yield _unreadable(view, item, str(error))
            continue
        due = _overdue(view, item, schedule, grace)
        if due is not None and (not _held_back(item) or _hangs(view, item, hanging, times)):
            yield _hit(view, item, schedule, due)


def schedule_of(item: CronJob) -> Schedule:
    """The schedule of *item* in its own time zone. Raises ValueError where either cannot be read."""
    return cron.parse(item.spec.schedule, item.spec.time_zone)


def reference(item: CronJob) -> Ref:
    return Ref("CronJob", item.name, item.namespace)


def jobs_of(view: View, item: CronJob) -> list[Job]:
    """Its Jobs that still are, oldest first."""
    oldest = datetime.min.replace(tzinfo=view.now.tzinfo)
    found = [job for job in view.jobs_by_cron_job.get((item.namespace, item.name), ()) if _is_of(job, item)]
    return sorted(found, key=lambda job: (job.metadata.creation_timestamp or oldest, job.name))


def _is_of(job: Job, item: CronJob) -> bool:
    """Whether it is of this very CronJob, and not of a former one of its name."""
    controller = job.metadata.controller()
    return controller is not None and controller.uid in {"", item.metadata.uid or controller.uid}


def begun(item: CronJob) -> datetime | None:
    """From when on runs are due: its last one, or its creation."""
    return item.status.last_schedule_time or item.metadata.creation_timestamp


def _overdue(view: View, item: CronJob, schedule: Schedule, grace: timedelta) -> datetime | None:
    """When the first run that did not come was due; None while none is *grace* overdue.

    A last run at a time that is none of the schedule's says that the schedule was changed since, or that the
    controller, which reads schedules without a time zone in its own, is not in UTC. The next run may then be up to two
    periods after the last.
    """
    last = begun(item)
    due = schedule.after(last) if last is not None else None
    if last is None or due is None or view.now - due < grace:
        return None
    if isinstance(schedule, Every) or not item.status.last_schedule_time or _is_time(schedule, last):
        return due
    following = schedule.after(due)
    return due if following is not None and view.now - last > 2 * (following - due) + grace else None


def _is_time(schedule: Schedule, moment: datetime) -> bool:
    return schedule.after(moment - timedelta(seconds=1)) == moment


def _held_back(item: CronJob) -> bool:
    """Whether a run that goes on keeps the next from its start, as was asked for."""
    return item.spec.concurrency_policy == "Forbid" and bool(item.status.active)


def _hangs(view: View, item: CronJob, hanging: timedelta, times: float) -> bool:
    since = _active_since(view, item)
    known = [
        job.status.completion_time - job.status.start_time
        for job in jobs_of(view, item)
        if job.status.completion_time is not None and job.status.start_time is not None
    ]
    return since is None or view.now - since > max(hanging, times * max(known, default=timedelta()))


def _active_since(view: View, item: CronJob) -> datetime | None:
    """When the run that goes on began."""
    found = [job for ref in item.status.active if isinstance(job := view.find(_job(item, ref.name)), Job)]
    times = [job.status.start_time or job.metadata.creation_timestamp for job in found]
    return min((time for time in times if time is not None), default=item.status.last_schedule_time)


def _job(item: CronJob, name: str) -> Ref:
    return Ref("Job", name, item.namespace)


def _hit(view: View, item: CronJob, schedule: Schedule, due: datetime) -> Hit:
    runs = runs_between(schedule, due - timedelta(seconds=1), view.now)
    number = "a run" if runs == 1 else f"more than {MANY} runs" if runs > MANY else f"{runs} runs"
    what = f"missed {number}" if item.status.last_schedule_time else f"has never run, and missed {number}"
    held = _held_back(item)
    active = item.status.active[0].name if held else ""
    return Hit(
        ref=reference(item),
        summary=evidence.bounded(f"{what}: {_why(view, item)}", 400),
        evidence=tuple(_evidence(view, item, due)),
        value=Value(float(runs), "runs"),
        since=due,
        depends_on=(_job(item, active),) if held else (_CONTROLLER, *_refusing(view, item)),
        details={"job": active} if active else {},
    )


def runs_between(schedule: Schedule, start: datetime, end: datetime) -> int:
    """How many times of *schedule* are after *start* and not after *end*; more than a hundred are 101."""
    return len(list(islice(takewhile(lambda time: time <= end, _times(schedule, start)), MANY + 1)))


def _times(schedule: Schedule, start: datetime) -> Iterator[datetime]:
    moment = schedule.after(start)
    while moment is not None:
        yield moment
        moment = schedule.after(moment)


def _why(view: View, item: CronJob) -> str:
    if _held_back(item):
        since = _active_since(view, item)
        lasts = f"has run for {human_duration(view.now - since)}" if since else "still runs"
        return f"{item.status.active[0].name} {lasts}, and concurrencyPolicy Forbid lets no other begin"
    if event := _refusal(view, item):
        return f"its Job cannot be created: {refused.explain(event.message)}"
    deadline = item.spec.starting_deadline_seconds
    if deadline is not None and timedelta(seconds=deadline) < _TOO_SHORT:
        return f"startingDeadlineSeconds {deadline} is less than the 10 s in which its controller looks again"
    if deadline is not None:
        return f"it was not started within startingDeadlineSeconds {deadline}"
    return "its controller has not started it"


def _events(view: View, item: CronJob) -> tuple[Event, ...]:
    uid = item.metadata.uid
    return tuple(e for e in view.events.get(reference(item), ()) if e.involved_object.uid in {"", uid})


def _refusal(view: View, item: CronJob) -> Event | None:
    return evidence.newest(_events(view, item), "FailedCreate")


def _refusing(view: View, item: CronJob) -> Iterator[Ref]:
    if event := _refusal(view, item):
        yield from refused.causes(view, event.message, item.namespace)


def _evidence(view: View, item: CronJob, due: datetime) -> Iterator[Evidence]:
    yield schedule_fact(item)
    yield evidence.fact("the first run that did not come was due", due)
    if item.status.last_schedule_time:
        yield evidence.fact("the last run was due", item.status.last_schedule_time)
    for active in item.status.active[:1]:
        yield evidence.fact(f"Job {active.name} is active", _active_since(view, item))
    for job in (job for job in jobs_of(view, item)[-1:] if jobs.failure(job)):
        yield from jobs.shown(view, job)[:1]
    yield from (evidence.from_event(event) for event in _events(view, item)[:2])


def schedule_fact(item: CronJob) -> Evidence:
    """Its schedule with all that bears on it."""
    spec = item.spec
    zone = spec.time_zone or "of its controller"
    deadline = "" if spec.starting_deadline_seconds is None else f", deadline {spec.starting_deadline_seconds} s"
    policy = spec.concurrency_policy or "Allow"
    return evidence.fact(f'schedule "{spec.schedule}", time zone {zone}, concurrencyPolicy {policy}{deadline}')


def _unreadable(view: View, item: CronJob, problem: str) -> Hit:
    return Hit(
        ref=reference(item),
        summary=evidence.bounded(f"never runs: {problem}", 300),
        evidence=(schedule_fact(item), *(evidence.from_event(event) for event in _events(view, item)[:2])),
        value=Value(0.0, "runs"),
    )
