"""Pods that have a node, and whose containers do not come up: volumes, network, init containers, sidecars."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probes import configuration, evidence, kubelet, pods, readiness
from hubops.engine.probes.pods import Slot
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit
from hubops.model.kube.core import Event, Pod
from hubops.model.quantity import human_duration


def not_started(view: View, pod: Pod, grace: timedelta, initializing: timedelta) -> Iterator[Hit]:
    """A hit for *pod* if it has been on its node for longer than *grace* and does not start."""
    if pods.ready(pod) or pod.status.phase != "Pending":
        return
    slots = tuple(pods.slots(pod))
    own_check = pods.WAITING_FOR_IMAGE | pods.WAITING_AFTER_FAILURE
    if any(slot.waiting in own_check for slot in slots) or configuration.lacking(view, pod):
        return
    since = pods.placed_since(pod)
    if (at_work := _at_work(slots)) is not None:
        yield from _initializing(view, pod, at_work, initializing)
    elif (sidecar := _starting_sidecar(slots)) is not None:
        yield from _sidecar(view, pod, sidecar, grace)
    elif pods.longer_than(view, since, grace):
        yield _hit(view, pod, since)


def _at_work(slots: tuple[Slot, ...]) -> Slot | None:
    """The init container that runs at the moment, or None."""
    return next((slot for slot in slots if slot.role == "init container" and slot.status.state.running), None)


def _starting_sidecar(slots: tuple[Slot, ...]) -> Slot | None:
    """The sidecar that runs and has not passed its startup probe: nothing after it is started before it has."""
    return next(
        (
            slot
            for slot in slots
            if slot.role == "sidecar" and slot.status.state.running and slot.status.started is not True
        ),
        None,
    )


def _started(slot: Slot) -> datetime | None:
    return slot.status.state.running.started_at if slot.status.state.running else None


def _initializing(view: View, pod: Pod, slot: Slot, allowed: timedelta) -> Iterator[Hit]:
    since = _started(slot)
    if since is None or not pods.longer_than(view, since, allowed):
        return
    yield Hit(
        ref=pods.reference(pod),
        summary=f"{slot.title} has not finished in {human_duration(view.now - since)}",
        evidence=(
            evidence.fact(f"{slot.title} runs", since),
            *evidence.from_log(view, pod, slot.name),
        ),
        since=since,
        depends_on=pods.on_node(pod),
        details=pods.details(pod, slot),
    )


def _sidecar(view: View, pod: Pod, slot: Slot, grace: timedelta) -> Iterator[Hit]:
    if readiness.starting(view, slot) or not pods.longer_than(view, _started(slot), grace):
        return
    yield Hit(
        ref=pods.reference(pod),
        summary=evidence.bounded(f"no container after it is started: {readiness.reason(view, pod)}", 240),
        evidence=(
            *readiness.probe_evidence(slot, pods.pod_events(view, pod)),
            *evidence.from_log(view, pod, slot.name),
        ),
        since=_started(slot),
        depends_on=pods.on_node(pod),
        details=pods.details(pod, slot),
    )


def _hit(view: View, pod: Pod, since: datetime | None) -> Hit:
    event = kubelet.cause_of(pods.pod_events(view, pod))
    return Hit(
        ref=pods.reference(pod),
        summary=evidence.bounded(_reason(pod, event), 240),
        evidence=tuple(_evidence(pod, event)),
        since=since,
        depends_on=(*pods.on_node(pod), *pods.claims(view, pod)),
        details=pods.details(pod),
    )


def _reason(pod: Pod, event: Event | None) -> str:
    if event is not None:
        return kubelet.explain(event.message)
    if not pod.status.container_statuses and not pod.status.init_container_statuses:
        return f"the kubelet of node {pod.spec.node_name} has not taken it up"
    return "its containers are not created, and no event says why"


def _evidence(pod: Pod, event: Event | None) -> Iterator[Evidence]:
    for slot in pods.slots(pod):
        if waiting := slot.status.state.waiting:
            yield evidence.fact(f"{slot.title} waits: {waiting.reason}: {waiting.message}".removesuffix(": "))
    if event is not None:
        yield evidence.from_event(event)
