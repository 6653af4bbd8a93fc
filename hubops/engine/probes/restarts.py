"""pod-restarts-unusual: containers that restarted far more often in a day than their workload usually does."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta

from hubops.engine.probe import Undecided, probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.crash import last_end, why_it_ended
from hubops.engine.probes.pods import Slot
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Value
from hubops.model.kube.core import Pod

_DAY = timedelta(days=1)
#: kube-state-metrics' counters of containers and of init containers, sidecars among them; several of it may be scraped.
_COUNT = 'max by (namespace, pod, container) ({__name__=~"kube_pod(_init)?_container_status_restarts_total"}%s)'
_NOW, _BEFORE = _COUNT % "", _COUNT % " offset 1d"
#: The counts of this time yesterday, those of zero left out: most are. A scrape may just have been missed then.
_YESTERDAY = (
    "promql:max by (namespace, pod, container) (last_over_time("
    '{__name__=~"kube_pod(_init)?_container_status_restarts_total"}[1h] offset 1d)) > 0'
)
#: Whether Prometheus knew any count yesterday: without it, no count there is nothing that was counted.
_KNOWN = "promql:count(last_over_time(kube_pod_container_status_restarts_total[1h] offset 1d))"
#: The restarts on the middle one of the last seven days. Two instants for each day cost Prometheus far less than the
#: increase over all of it. A pod that was made on that day began at zero.
_USUALLY = f"promql:quantile_over_time(0.5, ({_NOW} - ({_BEFORE} or 0 * {_NOW}))[7d:1d] offset 1d) > 0"
#: What follows the name of a workload in the names of its pods (apimachinery's rand.String, ordinals, CronJobs' times).
_SUFFIX = rf"(?:-{pods.RANDOM}{{1,10}}|-\d{{8,10}})?-(?:{pods.RANDOM}{{5}}|\d{{1,5}})"

Usual = Mapping[tuple[str, str], tuple[tuple[str, float], ...]]


@probe(needs=("pods", _YESTERDAY, _KNOWN, _USUALLY), uses=("events", "container-logs", "nodes"))
def pod_restarts_unusual(view: View, *, restarts: int, times: float) -> Iterator[Hit]:
    """Containers with *restarts* or more in the last day, and more than *times* as many as is usual for them.

    Usual is the median day of the last week; of the pods of the workload, now or in that week, that of the one with
    the most. Undecided about a container of which Prometheus does not go back far enough.
    """
    yesterday = {
        (sample.labels.get("namespace", ""), sample.labels.get("pod", ""), sample.labels.get("container", "")): (
            sample.number
        )
        for sample in view.answer(_YESTERDAY)
    }
    known = any(sample.number > 0 for sample in view.answer(_KNOWN))
    usual = _usual(view)
    unknown: list[str] = []
    for pod, slot in _restarted(view, restarts):
        before = 0.0 if _young(view, pod) else yesterday.get((pod.namespace, pod.name, slot.name), 0.0)
        if not known and not _young(view, pod):
            unknown.append(f"{pod.namespace}/{pod.name}")
            continue
        today, normal = slot.status.restart_count - before, _normal(view, usual, pod, slot)
        if today >= restarts and today > times * normal:
            yield _hit(view, pod, slot, today, normal)
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise Undecided(f"Prometheus has no restarts of a day ago to compare those of {unknown[0]}{more} with")


def _restarted(view: View, restarts: int) -> Iterator[tuple[Pod, Slot]]:
    """The containers that may have restarted that often in a day: those whose last end is no older.

    What waits to be started again is in a loop, of which pod-crash-looping and pod-oom-killed speak: here it runs.
    """
    for pod in filter(pods.alive, view.objects.pods):
        for slot in pods.slots(pod):
            if slot.status.restart_count < restarts or slot.status.state.running is None:
                continue
            ended = last_end(slot)
            if ended is None or ended.finished_at is None or view.now - ended.finished_at <= _DAY:
                yield pod, slot


def _young(view: View, pod: Pod) -> bool:
    created = pod.metadata.creation_timestamp
    return created is not None and view.now - created <= _DAY


def _usual(view: View) -> Usual:
    """The usual restarts a day, by namespace and container: of which pod, and how many."""
    grouped: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for sample in view.answer(_USUALLY):
        labels = sample.labels
        key = labels.get("namespace", ""), labels.get("container", "")
        grouped[key].append((labels.get("pod", ""), sample.number))
    return {key: tuple(items) for key, items in grouped.items()}


def _normal(view: View, usual: Usual, pod: Pod, slot: Slot) -> float:
    """The usual restarts a day of this container in the pods of this workload; 0 where it never did."""
    of_workload = re.compile(re.escape(view.owner(pod).name) + _SUFFIX)
    candidates = usual.get((pod.namespace, slot.name), ())
    return max((number for name, number in candidates if name == pod.name or of_workload.fullmatch(name)), default=0.0)


def _hit(view: View, pod: Pod, slot: Slot, today: float, normal: float) -> Hit:
    usually = f"{normal:g} a day" if normal else "never"
    return Hit(
        ref=pods.reference(pod),
        summary=(
            f"{slot.title} restarted {evidence.counted(int(today), 'time')} in the last day, usually {usually};"
            f" it {why_it_ended(view, pod, slot)}"
        ),
        evidence=tuple(_evidence(view, pod, slot, normal)),
        value=Value(today, "restarts"),
        depends_on=pods.on_node(pod),
        details=pods.details(pod, slot),
    )


def _evidence(view: View, pod: Pod, slot: Slot, normal: float) -> Iterator[Evidence]:
    yield evidence.fact(f"{slot.title} has restarted {evidence.counted(slot.status.restart_count, 'time')} in all")
    yield Evidence("metric", f"restarts on the median day of the week before: {normal:g}")
    if ended := last_end(slot):
        message = f": {ended.message.strip()}" if ended.message.strip() else ""
        text = f"last run of {slot.name}: {ended.reason or 'ended'}, exit code {ended.exit_code}{message}"
        yield evidence.fact(text, ended.finished_at)
    yield from evidence.from_log(view, pod, slot.name)
