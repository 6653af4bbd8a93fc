"""pod-probe-failing: containers whose probes fail on and off, without being given up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods, readiness
from hubops.engine.probes.pods import Slot
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Value
from hubops.model.kube.core import Event, Pod
from hubops.model.quantity import human_duration

_KINDS = ("Readiness", "Liveness")


@probe(needs=("pods", "events"))
def pod_probe_failing(
    view: View, *, failures: int, lasting: timedelta, recent: timedelta, settled: timedelta
) -> Iterator[Hit]:
    """Running containers of which a probe failed *failures* times or more over at least *lasting*, and *recently*.

    A container is given *settled* from its start: until then a readiness probe fails as it is meant to, and a startup
    probe does nothing else. A kubelet reports fewer failures than there are (25 at once, then one in five minutes).
    """
    for pod in filter(pods.alive, view.objects.pods):
        events = [event for event in pods.pod_events(view, pod) if event.reason == "Unhealthy"]
        for slot in pods.slots(pod) if events else ():
            started = slot.status.state.running.started_at if slot.status.state.running else None
            if started is None or view.now - started < settled:
                continue
            for kind in _KINDS:
                failed = [event for event in pods.about(tuple(events), slot.name) if _is(event, kind, started)]
                if failed and _goes_on(view, failed, failures, lasting, recent, settled, started):
                    yield _hit(pod, slot, kind, failed)
                    break


def _is(event: Event, kind: str, started: datetime) -> bool:
    """Whether *event* is of that probe, and of this run of the container."""
    of_this_run = event.last_seen is not None and event.last_seen > started
    return of_this_run and evidence.said(event).startswith(f"{kind} probe")


def _goes_on(
    view: View,
    failed: list[Event],
    failures: int,
    lasting: timedelta,
    recent: timedelta,
    settled: timedelta,
    started: datetime,
) -> bool:
    first, last = _between(failed)
    often = sum(event.times for event in failed) >= failures
    # Failures that began at the start are those of a program that was not up yet, as long as they end with it.
    return often and view.now - last <= recent and last - max(first, started) >= lasting and last - started >= settled


def _between(failed: list[Event]) -> tuple[datetime, datetime]:
    """The first and the last failure that *failed* speak of."""
    lasts = [event.last_seen for event in failed if event.last_seen]
    firsts = [event.first_seen for event in failed]
    return min(at for at in firsts if at), max(lasts)


def _hit(pod: Pod, slot: Slot, kind: str, failed: list[Event]) -> Hit:
    first, last = _between(failed)
    number = sum(event.times for event in failed)
    answer = evidence.said(failed[0]).partition(": ")[2].strip()
    asks = slot.spec.readiness_probe if kind == "Readiness" else slot.spec.liveness_probe
    shown: list[Evidence] = [evidence.from_event(event) for event in failed[:2]]
    if asks:
        shown.insert(0, evidence.fact(f"{kind.lower()} probe of {slot.title}: {readiness.describe(asks)}"))
    effect = "" if kind == "Readiness" else "; the kubelet kills it when that happens often enough in a row"
    return Hit(
        ref=pods.reference(pod),
        summary=evidence.bounded(
            f"{kind.lower()} probe of {slot.title} failed {evidence.counted(number, 'time')} or more in"
            f" {human_duration(last - first)}: {answer}{effect}",
            300,
        ),
        evidence=tuple(shown),
        value=Value(float(number), "failures"),
        since=first,
        depends_on=pods.on_node(pod),
        details=pods.details(pod, slot),
    )
