"""pod-not-ready: pods that run and do not take traffic."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.pods import Slot
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit
from hubops.model.kube.core import Event, Node, Pod, Probe
from hubops.model.kube.meta import condition, holding


@probe(needs=("pods",), uses=("events", "nodes"))
def not_ready(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Pods in phase Running whose condition Ready has been other than True for longer than *grace*.

    Pods of Jobs take no traffic, and a container that its startup probe still allows to start is given that time.
    """
    for pod in filter(pods.alive, view.objects.pods):
        since = pods.not_ready_since(pod)
        if pod.status.phase not in {"Running", "Unknown"} or since is None or view.now - since < grace:
            continue
        if not _of_job(pod) and not any(starting(view, slot) for slot in pods.slots(pod)):
            yield _hit(view, pod)


def _of_job(pod: Pod) -> bool:
    controller = pod.metadata.controller()
    return controller is not None and controller.kind == "Job"


def starting(view: View, slot: Slot) -> bool:
    """Whether the container is within the time that its startup probe allows."""
    running, found = slot.status.state.running, slot.spec.startup_probe
    if slot.status.started is not False or found is None or running is None or running.started_at is None:
        return False
    allowed = timedelta(seconds=found.initial_delay_seconds + found.period_seconds * found.failure_threshold)
    return view.now - running.started_at < allowed


def _hit(view: View, pod: Pod) -> Hit:
    events = pods.pod_events(view, pod)
    slot = _unready(pod)
    return Hit(
        ref=pods.reference(pod),
        summary=reason(view, pod),
        evidence=tuple(_evidence(pod, slot, events)),
        since=pods.not_ready_since(pod),
        depends_on=pods.on_node(pod),
        details=pods.details(pod, slot),
    )


def _unready(pod: Pod) -> Slot | None:
    return next((slot for slot in pods.slots(pod) if slot.role != "init container" and not slot.status.ready), None)


def reason(view: View, pod: Pod) -> str:
    """Why *pod*, which has a node, is not ready."""
    return evidence.bounded(_reason(view, pod, _unready(pod)), 240)


def _reason(view: View, pod: Pod, slot: Slot | None) -> str:
    node = next((view.find(ref) for ref in pods.on_node(pod)), None)
    if isinstance(node, Node) and not node_ready(node):
        return f"its node {node.name} is not ready"
    if slot is not None:
        return _container_reason(slot, pods.about(pods.pod_events(view, pod), slot.name))
    gates = [gate.condition_type for gate in pod.spec.readiness_gates]
    closed = [name for name in gates if not holding(pod.status.conditions, name)]
    if closed:
        return f"readiness gate{'s' if len(closed) > 1 else ''} {', '.join(closed)} not met"
    return "its containers are ready, and its node says that the pod is not"


def node_ready(node: Node) -> bool:
    return holding(node.status.conditions, "Ready") is not None


def _container_reason(slot: Slot, events: tuple[Event, ...]) -> str:
    if slot.waiting:
        return f"{slot.title} waits: {slot.waiting}"
    if ended := slot.status.state.terminated:
        return f"{slot.title} has ended (code {ended.exit_code}) while the pod runs on"
    kind = "startup" if slot.status.started is False and slot.spec.startup_probe else "readiness"
    failed = evidence.newest(events, "Unhealthy", containing=f"{kind.capitalize()} probe")
    if failed is not None:
        said = evidence.said(failed).partition(": ")[2].strip()
        return f"{kind} probe of {slot.title} fails" + (f": {said}" if said else "")
    probe_of = slot.spec.startup_probe if kind == "startup" else slot.spec.readiness_probe
    return f"{slot.title} is not ready" + ("" if probe_of else ", though it has no readiness probe")


def describe(found: Probe) -> str:
    """A probe as its manifest means it: "GET http://:8080/healthz every 10s, 3 failures allowed"."""
    rhythm = f"every {found.period_seconds}s, failing after {found.failure_threshold}"
    if http := found.http_get:
        return f"GET {(http.scheme or 'HTTP').lower()}://:{http.port}{http.path or '/'} {rhythm}"
    if found.tcp_socket:
        return f"TCP connect to :{found.tcp_socket.port} {rhythm}"
    if found.grpc:
        return f"gRPC health check on :{found.grpc.port} {rhythm}"
    return f"command {' '.join(found.exec.command) if found.exec else '(none)'} {rhythm}"


def _evidence(pod: Pod, slot: Slot | None, events: tuple[Event, ...]) -> Iterator[Evidence]:
    if state := condition(pod.status.conditions, "Ready"):
        yield evidence.from_condition(state)
    for gate in pod.spec.readiness_gates:
        if (closed := condition(pod.status.conditions, gate.condition_type)) and closed.status != "True":
            yield evidence.from_condition(closed)
    if slot is not None:
        yield from probe_evidence(slot, events)


def probe_evidence(slot: Slot, events: tuple[Event, ...]) -> Iterator[Evidence]:
    """The probes that keep the container from being ready, and what the kubelet last said of them."""
    for name, found in (("startup", slot.spec.startup_probe), ("readiness", slot.spec.readiness_probe)):
        if found:
            yield evidence.fact(f"{name} probe of {slot.title}: {describe(found)}")
    if event := evidence.newest(pods.about(events, slot.name), "Unhealthy"):
        yield evidence.from_event(event)
