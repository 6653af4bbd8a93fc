"""capacity-without-one-node: whether the requests of all pods would fit on the nodes if the largest one were lost.

Pods are told apart by the set of nodes that their tolerations and selectors allow. For each such set, all pods that may
run nowhere else have to fit on it without its largest node: that is necessary (Hall's marriage theorem), not enough, as
single large pods may not fit into what is left here and there. What stays with its node needs no other place: pods of
DaemonSets, static pods, pods without a controller and those that name their node.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hubops.engine.probe import probe
from hubops.engine.probes import constraints, evidence, pods
from hubops.engine.probes.node_facts import of_the_node, reserved, takes_pods
from hubops.engine.probes.node_fit import HOSTNAME, fits, label_keys
from hubops.engine.probes.scheduling import amount, requested
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref, Value
from hubops.model.kube.core import Node, Pod
from hubops.model.quantity import parse_quantity

_RESOURCES = ("cpu", "memory")
Nodes = frozenset[str]


@dataclass
class _Pods:
    """The pods that may run on the same nodes: what they request together, and one of them."""

    one: Pod
    requests: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_RESOURCES, 0.0))

    def add(self, requests: Mapping[str, float]) -> None:
        for resource in _RESOURCES:
            self.requests[resource] += requests[resource]


@dataclass(frozen=True)
class _Lack:
    resource: str
    demand: float
    room: float
    largest: str

    @property
    def missing(self) -> float:
        return self.demand - self.room


@probe(needs=("nodes", "pods"), uses=("replicasets",))
def capacity_without_one_node(
    view: View, *, autoscaled: tuple[str, ...], autoscalers: tuple[str, ...]
) -> Iterator[Hit]:
    """Sets of nodes whose pods request more than is left without the largest node.

    Left out: sets of one node, and those with a node that an autoscaler adds and removes as needed: one with a label of
    *autoscaled*, or every node where a pod of one of *autoscalers* (app.kubernetes.io/name or its own name) runs.
    """
    if any(_is_autoscaler(pod, autoscalers) for pod in view.objects.pods if pods.alive(pod)):
        return
    nodes = {node.name: node for node in view.objects.nodes if takes_pods(node)}
    room = {name: _free(view, node) for name, node in nodes.items()}
    groups = _groups(view, nodes)
    lacking: dict[Nodes, list[_Lack]] = {}
    for names in sorted(groups, key=lambda names: (-len(names), sorted(names))):
        if any(key in nodes[name].metadata.labels for name in names for key in autoscaled):
            continue
        if len(names) > 1 and not any(names < other for other in lacking):
            found = [lack for resource in _RESOURCES if (lack := _lack(names, resource, groups, room))]
            lacking |= {names: found} if found else {}
    for names, found in lacking.items():
        yield _hit(view, names, found, groups[names], nodes)


def _is_autoscaler(pod: Pod, names: tuple[str, ...]) -> bool:
    app = pod.metadata.labels.get("app.kubernetes.io/name", "")
    return any(name in app or pod.name.startswith(name) for name in names)


def _groups(view: View, nodes: Mapping[str, Node]) -> dict[Nodes, _Pods]:
    """The pods that have to have a place, by the nodes on which they may have it."""
    kinds = _kinds(view)
    alike = _alike(nodes, sorted({key for kind in kinds for key in label_keys(kind.one.spec)}))
    found: dict[Nodes, _Pods] = {}
    for kind in kinds:
        fitting = (names for names in alike if fits(kind.one.spec, nodes[min(names)]))
        names: Nodes = frozenset().union(*fitting)
        if names in found:
            found[names].add(kind.requests)
        elif names:
            found[names] = kind
    return found


def _kinds(view: View) -> list[_Pods]:
    """The pods that have to have a place, by what they demand of a node."""
    found: dict[object, _Pods] = {}
    for pod in view.objects.pods:
        if not pod.spec.node_name or not pods.alive(pod) or _stays(pod):
            continue
        demand = (pod.spec.tolerations, tuple(sorted(pod.spec.node_selector.items())), pod.spec.required_nodes)
        kind = found.get(demand)
        if kind is None:
            kind = found[demand] = _Pods(pod)
        kind.add({resource: requested(pod, resource) for resource in _RESOURCES})
    return list(found.values())


def _alike(nodes: Mapping[str, Node], keys: Sequence[str]) -> list[Nodes]:
    """The nodes in sets that no demand tells apart: of the same taints, and the same labels of *keys*."""
    found: dict[object, set[str]] = defaultdict(set)
    for name, node in nodes.items():
        taints = frozenset((taint.key, taint.value, taint.effect) for taint in node.spec.taints)
        found[taints, tuple(node.metadata.labels.get(key) for key in keys)].add(name)
    return [frozenset(names) for names in found.values()]


def _stays(pod: Pod) -> bool:
    return of_the_node(pod) or pod.metadata.controller() is None or HOSTNAME in label_keys(pod.spec)


def _free(view: View, node: Node) -> Mapping[str, float]:
    """What *node* offers beside the pods that stay with it."""
    own = [pod for pod in view.pods_on.get(node.name, ()) if pods.alive(pod) and _stays(pod)]
    offered: dict[str, float] = defaultdict(float)
    for resource in _RESOURCES:
        whole = parse_quantity(node.status.allocatable.get(resource, "0"))
        offered[resource] = whole - sum(requested(pod, resource) for pod in own)
    return offered


def _lack(
    names: Nodes, resource: str, groups: Mapping[Nodes, _Pods], room: Mapping[str, Mapping[str, float]]
) -> _Lack | None:
    demand = sum(group.requests[resource] for allowed, group in groups.items() if allowed <= names)
    largest = max(sorted(names), key=lambda name: room[name][resource])
    left = sum(room[name][resource] for name in names) - room[largest][resource]
    return _Lack(resource, demand, left, largest) if demand > left else None


def _hit(view: View, names: Nodes, found: list[_Lack], group: _Pods, nodes: Mapping[str, Node]) -> Hit:
    what = " and ".join(f"{amount(lack.resource, round(lack.missing, 2))} of {lack.resource}" for lack in found)
    gone = [node.name for node in view.objects.nodes if not takes_pods(node)]
    return Hit(
        ref=_reference(view, names, group, nodes),
        summary=f"without node {found[0].largest} its pods lack {what}",
        evidence=tuple(
            evidence.fact(
                f"{lack.resource}: {amount(lack.resource, round(lack.demand, 2))} requested, "
                f"{amount(lack.resource, round(lack.room, 2))} on the other {len(names) - 1} of {len(names)} nodes"
            )
            for lack in found
        ),
        value=Value(found[0].demand / found[0].room if found[0].room > 0 else 1.0, "ratio"),
        depends_on=tuple(Ref("Node", name) for name in gone),
        details={"node": found[0].largest},
    )


def _reference(view: View, names: Nodes, group: _Pods, nodes: Mapping[str, Node]) -> Ref:
    """The cluster, for all nodes that nothing keeps for some pods; else the pool by what its pods ask for."""
    if names >= {name for name, node in nodes.items() if not reserved(node)}:
        return Ref("Cluster", view.snapshot.cluster)
    if label_keys(group.one.spec):
        return Ref("NodePool", constraints.node_labels(group.one).replace("its node selector ", ""))
    return Ref("NodePool", ", ".join(sorted({taint.key for name in names for taint in reserved(nodes[name])})))
