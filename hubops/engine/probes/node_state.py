"""node-cordoned, node-problem and node-runs-nothing: what is odd about a node whose kubelet says that it is well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.node_facts import is_leaving, of_the_node, reserved, takes_pods, young
from hubops.engine.probes.node_fit import fits
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Node, NodeCondition, Pod
from hubops.model.quantity import human_duration

_CORDON = "node.kubernetes.io/unschedulable"
#: The kubelet's own conditions (and the cloud's NetworkUnavailable): node-not-ready and node-pressure look at these.
_OF_THE_KUBELET = frozenset(
    {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "OutOfDisk"}
)


@probe(needs=("nodes",), uses=("pods",))
def node_cordoned(view: View, *, after: timedelta) -> Iterator[Hit]:
    """Nodes that have been cordoned for longer than *after*, or for an unknown time; not those that are being removed.

    Since when: the node controller notes it on the taint that it adds.
    """
    for node in view.objects.nodes:
        if not node.spec.unschedulable or is_leaving(node):
            continue
        since = next((taint.time_added for taint in node.spec.taints if taint.key == _CORDON), None)
        if not pods.longer_than(view, since, after):
            continue
        span = view.now - since if since else None
        yield Hit(
            ref=Ref("Node", node.name),
            summary="takes no new pods, for " + (human_duration(span) if span else "an unknown time"),
            evidence=(evidence.fact("spec.unschedulable: true", since), *_load(view, node)),
            value=Value(span.total_seconds(), "seconds") if span else None,
            since=since,
            details={"node": node.name},
        )


@probe(needs=("nodes",), uses=("pods",))
def node_problem(
    view: View,
    *,
    grace: timedelta,
    silent: timedelta,
    good: tuple[str, ...],
    neutral: tuple[str, ...],
    critical: tuple[str, ...],
) -> Iterator[Hit]:
    """Nodes with a condition beside the kubelet's own that has told of a problem for longer than *grace*.

    A condition is a problem when it is True; one whose type ends in a word of *good*, when it is False; one of
    *neutral*, never. What was last repeated longer than *silent* ago is left over from a detector that is gone.
    """
    for node in view.objects.nodes:
        states = [
            state
            for state in node.status.conditions
            if _is_problem(state, good)
            and state.type not in neutral
            and pods.longer_than(view, state.last_transition_time, grace)
            and not (state.last_heartbeat_time and view.now - state.last_heartbeat_time > silent)
        ]
        if states:
            yield _problem(view, node, states, critical)


def _is_problem(state: NodeCondition, good: tuple[str, ...]) -> bool:
    return state.type not in _OF_THE_KUBELET and state.status == ("False" if state.type.endswith(good) else "True")


def _problem(view: View, node: Node, states: list[NodeCondition], critical: tuple[str, ...]) -> Hit:
    words = (f"{state.type}: {state.message or state.reason or 'no message'}" for state in states)
    since = [state.last_transition_time for state in states if state.last_transition_time]
    return Hit(
        ref=Ref("Node", node.name),
        summary=evidence.bounded("; ".join(words), 240),
        evidence=(*(evidence.from_condition(state) for state in states), *_load(view, node)),
        since=min(since, default=None),
        severity="critical" if any(state.type in critical for state in states) else None,
        details={"node": node.name},
    )


@probe(needs=("nodes", "pods", "daemonsets"))
def node_runs_nothing(view: View, *, grace: timedelta, idle: timedelta, joined: timedelta) -> Iterator[Hit]:
    """Nodes that could take pods and have none.

    After *grace* at least the pods of DaemonSets that may run there should. A node that no taint keeps for some pods,
    and that joined longer than *idle* and less than *joined* ago, should have more than those.
    """
    used = any(not of_the_node(pod) for name, here in view.pods_on.items() if name for pod in here if pods.alive(pod))
    for node in view.objects.nodes:
        if not takes_pods(node) or young(view, node, grace):
            continue
        here = [pod for pod in view.pods_on.get(node.name, ()) if pods.alive(pod)]
        lacking = sorted(item.name for item in view.objects.daemonsets if fits(item.spec.template.spec, node))
        if lacking and not any(_placed(pod) for pod in here):
            yield _nothing(node, f"not even the pods of DaemonSets run there ({', '.join(lacking[:3])})", here)
        elif used and all(map(of_the_node, here)) and not reserved(node) and _joined(view, node, idle, joined):
            yield _nothing(node, "since it joined it runs nothing but what runs on every node", here, idle=True)


def _joined(view: View, node: Node, after: timedelta, before: timedelta) -> bool:
    return young(view, node, before) and not young(view, node, after)


def _placed(pod: Pod) -> bool:
    """Whether it came through the API server: a static pod did not."""
    controller = pod.metadata.controller()
    return controller is None or controller.kind != "Node"


def _nothing(node: Node, summary: str, here: list[Pod], *, idle: bool = False) -> Hit:
    room = ", ".join(
        f"{node.status.allocatable[key]} {key}" for key in ("cpu", "memory") if key in node.status.allocatable
    )
    return Hit(
        ref=Ref("Node", node.name),
        summary=summary,
        evidence=(
            evidence.fact(f"{evidence.counted(len(here), 'pod')} on it; it offers {room or 'an unknown room'}"),
            evidence.fact("joined", node.metadata.creation_timestamp),
        ),
        value=Value(float(len(here)), "pods"),
        since=node.metadata.creation_timestamp,
        severity="info" if idle else None,
        details={"node": node.name},
    )


def _load(view: View, node: Node) -> Iterator[Evidence]:
    here = [pod for pod in view.pods_on.get(node.name, ()) if pods.alive(pod)]
    own = sum(1 for pod in here if of_the_node(pod))
    yield evidence.fact(f"{evidence.counted(len(here), 'pod')} on it, {own} of them of DaemonSets or static")
