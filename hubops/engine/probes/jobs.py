"""job-failed: Jobs that gave up; those of a CronJob belong to the checks on CronJobs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.crash import last_end
from hubops.engine.probes.exits import explain_exit, explain_oom
from hubops.engine.probes.pods import Slot
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Pod
from hubops.model.kube.meta import Condition, holding
from hubops.model.kube.workloads import Job
from hubops.model.quantity import human_duration

#: What a Job's name ends in where something makes Jobs again and again: a number, a date, a generated suffix.
_SUFFIX = re.compile(rf"-(?:\d[\d.-]*|{pods.RANDOM}{{5}})$")
#: Namespace, name without its end, and the containers by name and repository.
_Kind = tuple[str, str, tuple[tuple[str, str], ...]]


@probe(needs=("jobs",), uses=("pods", "events", "container-logs", "cronjobs"))
def job_failed(view: View, *, stale: timedelta) -> Iterator[Hit]:
    """Jobs with condition Failed, unless a later Job of the same kind has succeeded; info once it is *stale*.

    Of the same kind is a Job in the same namespace with the same containers whose name differs in its end only.
    """
    failed = [(item, state) for item in view.objects.jobs if (state := failure(item)) and not of_cron_job(item)]
    successes = _successes(view) if failed else {}
    for item, state in failed:
        if item.metadata.deletion_timestamp is None and not _made_good(item, successes):
            yield _hit(view, item, state, old=pods.longer_than(view, state.last_transition_time, stale))


def failure(item: Job) -> Condition | None:
    """The condition that says that *item* failed for good, or None."""
    return holding(item.status.conditions, "Failed")


def succeeded(item: Job) -> bool:
    return holding(item.status.conditions, "Complete") is not None


def of_cron_job(item: Job) -> bool:
    controller = item.metadata.controller()
    return controller is not None and controller.kind == "CronJob"


def _successes(view: View) -> Mapping[_Kind, datetime]:
    """When the newest Job that succeeded was made, by its kind."""
    found: dict[_Kind, datetime] = {}
    for item in filter(succeeded, view.objects.jobs):
        if made := item.metadata.creation_timestamp:
            kind = _kind(item)
            found[kind] = max(made, found.get(kind, made))
    return found


def _made_good(item: Job, successes: Mapping[_Kind, datetime]) -> bool:
    made, later = item.metadata.creation_timestamp, successes.get(_kind(item))
    return made is not None and later is not None and later > made


def _kind(item: Job) -> _Kind:
    containers = tuple((each.name, _repository(each.image)) for each in item.spec.template.spec.containers)
    return item.namespace, _SUFFIX.sub("", item.name), containers


def _repository(image: str) -> str:
    path, _, last = image.partition("@")[0].rpartition("/")
    return f"{path}/{last.partition(':')[0]}"


def _hit(view: View, item: Job, state: Condition, *, old: bool) -> Hit:
    return Hit(
        ref=Ref("Job", item.name, item.namespace),
        summary=f"failed: {why(view, item)}",
        evidence=shown(view, item),
        value=Value(float(item.status.failed), "failed pods"),
        since=state.last_transition_time,
        severity="info" if old else None,
        depends_on=depends_on(view, item),
        details=details(view, item),
    )


def why(view: View, item: Job) -> str:
    """Why *item* gave up, by its condition, and how the last of its pods ended."""
    state = failure(item)
    pod = _last_failed(view, item)
    end = f": {_end(pod)}" if pod else ""
    match state.reason if state else "":
        case "BackoffLimitExceeded":
            attempts = item.status.failed
            return f"gave up after {evidence.counted(attempts, 'failed pod')}{end}" if attempts else f"gave up{end}"
        case "DeadlineExceeded":
            allowed = item.spec.active_deadline_seconds
            limit = f" ({human_duration(timedelta(seconds=allowed))})" if allowed else ""
            return f"did not finish within its activeDeadlineSeconds{limit}{end or _still(view, item)}"
        case "PodFailurePolicy":
            return evidence.bounded(f"its podFailurePolicy ended it: {state.message if state else ''}", 300)
        case reason:
            message = state.message if state else ""
            return evidence.bounded(f"{message or reason or 'no reason is given'}{end}", 300)


def _own(view: View, item: Job) -> list[Pod]:
    """The pods of this very Job, not those of its CronJob's other runs."""
    found = view.pods_of.get(view.owner(item), ())
    return [pod for pod in found if (above := pod.metadata.controller()) is not None and above.name == item.name]


def _last_failed(view: View, item: Job) -> Pod | None:
    """The last of its pods that failed: a Job with restartPolicy OnFailure deletes its own."""
    failed = [pod for pod in _own(view, item) if pod.status.phase == "Failed" or _ended(pod)]
    oldest = datetime.min.replace(tzinfo=view.now.tzinfo)
    return max(failed, key=lambda pod: pod.metadata.creation_timestamp or oldest, default=None)


def _ended(pod: Pod) -> Slot | None:
    """The container of *pod* that ended badly, or None."""
    for slot in pods.slots(pod):
        state = last_end(slot)
        if state is not None and (state.exit_code or state.reason == "OOMKilled"):
            return slot
    return None


def _end(pod: Pod) -> str:
    slot = _ended(pod)
    state = last_end(slot) if slot else None
    if slot is None or state is None:
        said = f"{pod.status.reason}: {pod.status.message}".strip(": ")
        return evidence.bounded(f"its pod failed ({said or 'no reason is given'})", 200)
    if state.reason == "OOMKilled":
        return f"{slot.title} {explain_oom(slot.spec)}"
    return f"{slot.title} {explain_exit(state)}"


def _still(view: View, item: Job) -> str:
    """That a deadline came with no pod left to ask."""
    return "" if _own(view, item) else ", and its pods are gone"


def shown(view: View, item: Job) -> tuple[Evidence, ...]:
    return tuple(_evidence(view, item))


def _evidence(view: View, item: Job) -> Iterator[Evidence]:
    if state := failure(item):
        yield evidence.from_condition(state)
    status = item.status
    yield evidence.fact(f"Job {item.name}: {status.succeeded} succeeded, {status.failed} failed", status.start_time)
    pod = _last_failed(view, item)
    slot = _ended(pod) if pod else None
    ended = last_end(slot) if slot else None
    if pod is not None and ended is not None:
        said = f": {ended.message.strip()}" if ended.message.strip() else ""
        yield evidence.fact(f"pod {pod.name}: exit code {ended.exit_code}{said}", ended.finished_at)
    if pod is not None and slot is not None:
        yield from evidence.from_log(view, pod, slot.name)


def details(view: View, item: Job) -> dict[str, str]:
    pod = _last_failed(view, item)
    return {"job": item.name} | (pods.details(pod, _ended(pod)) if pod else {})


def depends_on(view: View, item: Job) -> tuple[Ref, ...]:
    """Its pods. Not their nodes: what is wrong with these now need not be what was then."""
    return tuple(pods.reference(pod) for pod in _own(view, item))
