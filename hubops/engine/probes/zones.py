"""zone-down and zones-unequal: nodes by the zone that they stand in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.node_facts import ZONE, is_leaving, reserved
from hubops.engine.probes.readiness import node_ready
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref, Value
from hubops.model.kube.core import Node
from hubops.model.kube.meta import condition
from hubops.model.quantity import parse_quantity


@probe(needs=("nodes",), uses=("pods",))
def zone_down(view: View, *, grace: timedelta, nodes: int) -> Iterator[Hit]:
    """Zones of several with *nodes* nodes or more, of which none is ready, each for longer than *grace*.

    A zone with fewer is no more than its nodes, and node-not-ready speaks of these.
    """
    zones = _zones(view)
    for zone, members in zones.items():
        if len(zones) > 1 and len(members) >= nodes and all(_lost(view, node, grace) for node in members):
            yield _down(view, zone, members)


def _zones(view: View) -> Mapping[str, list[Node]]:
    """The nodes that are to stay, by zone."""
    found: dict[str, list[Node]] = defaultdict(list)
    for node in view.objects.nodes:
        if (zone := node.metadata.labels.get(ZONE)) and not is_leaving(node):
            found[zone].append(node)
    return found


def _lost(view: View, node: Node, grace: timedelta) -> bool:
    state = condition(node.status.conditions, "Ready")
    since = state.last_transition_time if state else node.metadata.creation_timestamp
    return not node_ready(node) and pods.longer_than(view, since, grace)


def _down(view: View, zone: str, members: Sequence[Node]) -> Hit:
    states = [state for node in members if (state := condition(node.status.conditions, "Ready"))]
    since = [state.last_transition_time for state in states if state.last_transition_time]
    here = [pod for node in members for pod in view.pods_on.get(node.name, ()) if pods.alive(pod)]
    silent = all(state.status == "Unknown" for state in states)
    why = "their kubelets stopped reporting" if silent else "as their kubelets say"
    return Hit(
        ref=Ref("Zone", zone),
        summary=f"none of its {len(members)} nodes is ready: {why}",
        evidence=(
            evidence.fact(f"{evidence.counted(len(here), 'pod')} on {', '.join(node.name for node in members[:5])}"),
            *(evidence.from_condition(state) for state in states[:2]),
        ),
        value=Value(float(len(members)), "nodes"),
        since=max(since, default=None),
        details={"node": members[0].name},
    )


@probe(needs=("nodes",))
def zones_unequal(view: View, *, factor: float, least: int) -> Iterator[Hit]:
    """The cluster, where one zone offers *factor* times the CPU of another, or more, to pods without tolerations.

    Judged are clusters with *least* such nodes or more. Nodes that are kept for some pods are left out, as are zones
    with no others; what is not ready counts, for it is another's finding.
    """
    general = {zone: [node for node in members if not reserved(node)] for zone, members in _zones(view).items()}
    offers = {zone: sum(map(_cpu, members)) for zone, members in general.items() if members}
    if len(offers) < 2 or sum(len(general[zone]) for zone in offers) < least:
        return
    small, large = (
        min(offers, key=lambda zone: (offers[zone], zone)),
        max(offers, key=lambda zone: (offers[zone], zone)),
    )
    if offers[small] <= 0 or offers[large] / offers[small] < factor:
        return
    yield Hit(
        ref=Ref("Cluster", view.snapshot.cluster),
        summary=f"zone {large} offers {offers[large] / offers[small]:.1f} times the CPU of zone {small}:"
        f" without it the others are too small for the pods",
        evidence=tuple(
            evidence.fact(f"{zone}: {evidence.counted(len(general[zone]), 'node')}, {offer:g} cores")
            for zone, offer in sorted(offers.items())
        ),
        value=Value(offers[large] / offers[small], "times"),
    )


def _cpu(node: Node) -> float:
    return parse_quantity(node.status.allocatable.get("cpu", "0"))
