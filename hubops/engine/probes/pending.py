"""pod-pending: pods that wait for a node, for a volume, for their configuration or for their init containers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods, readiness, scheduling, starting
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Pod
from hubops.model.kube.meta import Condition, condition
from hubops.model.kube.storage import PersistentVolumeClaim


@probe(needs=("pods",), uses=("events", "nodes", "persistentvolumeclaims"))
def pod_pending(view: View, *, grace: timedelta, gated: timedelta, initializing: timedelta) -> Iterator[Hit]:
    """Pods that no node takes, and pods on a node whose containers do not come up, for longer than *grace*.

    A pod held by scheduling gates is given *gated* (a queue may hold it by design), an init container at work
    *initializing*. Images that do not come and containers that die have checks of their own.
    """
    for pod in filter(pods.alive, view.objects.pods):
        if pod.spec.node_name:
            yield from starting.not_started(view, pod, grace, initializing)
        elif pod.status.phase == "Pending" or not pod.status.phase:
            yield from _unscheduled(view, pod, grace, gated)


def _unscheduled(view: View, pod: Pod, grace: timedelta, gated: timedelta) -> Iterator[Hit]:
    state = condition(pod.status.conditions, "PodScheduled")
    since = (state.last_transition_time if state else None) or pod.metadata.creation_timestamp
    if not pods.longer_than(view, since, gated if pod.spec.scheduling_gates else grace):
        return
    yield Hit(
        ref=pods.reference(pod),
        summary=reason(view, pod),
        evidence=tuple(_evidence(view, pod, state)),
        since=since,
        depends_on=(*pods.claims(view, pod), *troubled_nodes(view, pod)),
        details=pods.details(pod),
    )


def reason(view: View, pod: Pod) -> str:
    """Why *pod* has no node."""
    state = condition(pod.status.conditions, "PodScheduled")
    answer = scheduling.parse(state.message) if state else None
    return evidence.bounded(_reason(view, pod, state, answer))


def troubled_nodes(view: View, pod: Pod) -> tuple[Ref, ...]:
    """The nodes whose trouble is all that keeps *pod* without a node."""
    state = condition(pod.status.conditions, "PodScheduled")
    answer = scheduling.parse(state.message) if state else None
    return scheduling.troubled_nodes(answer, pod, view) if answer else ()


def _reason(view: View, pod: Pod, state: Condition | None, answer: scheduling.Answer | None) -> str:
    if pod.spec.scheduling_gates:
        gates = ", ".join(gate.name for gate in pod.spec.scheduling_gates)
        return f"held back by scheduling gate{'s' if len(pod.spec.scheduling_gates) > 1 else ''} {gates}"
    if state is None or state.status == "True":
        return f"scheduler {pod.spec.scheduler_name or 'default-scheduler'} has not looked at it"
    if answer is None:
        return f"cannot be scheduled: {state.message or state.reason}"
    victims = pod.status.nominated_node_name
    return scheduling.explain(answer, pod, view) + (
        f"; waits for node {victims} to be cleared for it" if victims else ""
    )


def why_not_ready(view: View, pod: Pod) -> str:
    """Why *pod* is not ready: what keeps it from a node, or else what is wrong there."""
    return readiness.reason(view, pod) if pod.spec.node_name else reason(view, pod)


def _evidence(view: View, pod: Pod, state: Condition | None) -> Iterator[Evidence]:
    if state is not None:
        yield evidence.from_condition(state)
    if event := evidence.newest(pods.pod_events(view, pod), "FailedScheduling"):
        yield evidence.from_event(event)
    for ref in pods.claims(view, pod):
        claim = view.find(ref)
        phase = claim.status.phase if isinstance(claim, PersistentVolumeClaim) else "missing"
        if phase != "Bound":
            yield evidence.fact(f"claim {ref.name} is {phase}")
    if wanted := pod.spec.node_selector:
        yield evidence.fact("node selector " + evidence.labelled(wanted, ", "))
