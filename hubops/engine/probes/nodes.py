"""node-not-ready and node-pressure: what a kubelet says of its node, or no longer says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.node_facts import ZONE, is_leaving, young
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Node, NodeCondition, Pod
from hubops.model.quantity import human_duration

_PRESSURES = {
    "MemoryPressure": "memory is running out: the kubelet evicts pods",
    "DiskPressure": "disk space or inodes are running out: the kubelet deletes images and evicts pods",
    "PIDPressure": "process ids are running out: the kubelet evicts pods",
    "NetworkUnavailable": "its network is not set up: pods here cannot be reached",
}
#: Warnings that a kubelet gives whenever it starts, whether anything is wrong or not.
_AT_EVERY_START = frozenset({"CgroupV1", "InvalidDiskCapacity", "PossibleMemoryBackedVolumesOnDisk"})


@probe(needs=("nodes",), uses=("pods", "events"))
def node_not_ready(view: View, *, grace: timedelta, leaving: timedelta) -> Iterator[Hit]:
    """Nodes older than *grace* whose condition Ready is not True.

    A node that an autoscaler is removing is given *leaving* after it stopped being ready.
    """
    for node in view.objects.nodes:
        state = _state(node, "Ready")
        if (state is not None and state.status == "True") or young(view, node, grace):
            continue
        since = state.last_transition_time if state else node.metadata.creation_timestamp
        if is_leaving(node) and not pods.longer_than(view, since, leaving):
            continue
        yield _hit(view, node, _reason(node, state), *([state] if state else []))


@probe(needs=("nodes",), uses=("pods", "events"))
def node_pressure(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Nodes older than *grace* that report pressure on memory, disk or process ids, or no network."""
    for node in view.objects.nodes:
        states = [state for kind in _PRESSURES if (state := _state(node, kind)) and state.status == "True"]
        if states and not young(view, node, grace):
            yield _hit(view, node, "; ".join(_PRESSURES[state.type] for state in states), *states)


def _state(node: Node, kind: str) -> NodeCondition | None:
    return next((item for item in node.status.conditions if item.type == kind), None)


def _reason(node: Node, state: NodeCondition | None) -> str:
    cordoned = " (cordoned)" if node.spec.unschedulable else ""
    if state is None:
        return f"its kubelet has never reported{cordoned}"
    if state.status == "Unknown":
        return f"its kubelet stopped reporting{cordoned}"
    said = state.message.removeprefix("[").removesuffix("]") or state.reason
    return evidence.bounded(f"its kubelet reports it as not ready{cordoned}: {said}", 240)


def _hit(view: View, node: Node, summary: str, *states: NodeCondition) -> Hit:
    since = [state.last_transition_time for state in states if state.last_transition_time]
    here = [pod for pod in view.pods_on.get(node.name, ()) if pods.alive(pod)]
    return Hit(
        ref=Ref("Node", node.name),
        summary=summary,
        evidence=tuple(_evidence(view, node, states, here)),
        value=Value(float(len(here)), "pods"),
        since=min(since, default=None if states else node.metadata.creation_timestamp),
        depends_on=(Ref("Zone", zone),) if (zone := node.metadata.labels.get(ZONE)) else (),
        details={"node": node.name},
    )


def _evidence(view: View, node: Node, states: Sequence[NodeCondition], here: list[Pod]) -> Iterator[Evidence]:
    for state in states:
        yield evidence.from_condition(state)
        if state.last_heartbeat_time is not None and state.status == "Unknown":
            silent = human_duration(view.now - state.last_heartbeat_time)
            yield evidence.fact(f"last heartbeat {silent} before this report", state.last_heartbeat_time)
    ready = sum(1 for pod in here if pods.ready(pod))
    info = node.status.node_info
    yield evidence.fact(f"{evidence.counted(len(here), 'pod')} on it, {ready} ready")
    if info.kubelet_version:
        yield evidence.fact(f"kubelet {info.kubelet_version}, {info.container_runtime_version}, {info.os_image}")
    evicted = sum(1 for pod in view.pods_on.get(node.name, ()) if pod.status.reason == "Evicted")
    if evicted:
        yield evidence.fact(f"evicted from it: {evidence.counted(evicted, 'pod')}")
    told = (event for event in view.events.get(Ref("Node", node.name), ()) if event.reason not in _AT_EVERY_START)
    yield from (evidence.from_event(event) for event in islice(told, 2))
