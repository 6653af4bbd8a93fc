"""What several probes ask about nodes: whether they take pods, go away, or are young, and which pods stay with them."""

from __future__ import annotations

from datetime import timedelta

from hubops.engine.probes.readiness import node_ready
from hubops.engine.probes.scheduling import untolerated
from hubops.engine.view import View
from hubops.model.kube.core import Node, Pod, Taint

#: The label that says where a node stands (Well-Known Labels of Kubernetes).
ZONE = "topology.kubernetes.io/zone"
#: Taints of autoscalers on a node that they drain and remove.
_LEAVING = frozenset({"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption"})
#: The taints that Kubernetes itself sets for a node's state begin like this; others say what the node is for.
_OF_STATE = "node.kubernetes.io/"


def is_leaving(node: Node) -> bool:
    """Whether an autoscaler, or whoever deleted the node, takes it away."""
    return node.metadata.deletion_timestamp is not None or any(taint.key in _LEAVING for taint in node.spec.taints)


def young(view: View, node: Node, age: timedelta) -> bool:
    created = node.metadata.creation_timestamp
    return created is not None and view.now - created < age


def takes_pods(node: Node) -> bool:
    """Whether new pods can be placed there: ready, not cordoned, and staying."""
    return node_ready(node) and not node.spec.unschedulable and not is_leaving(node)


def reserved(node: Node) -> tuple[Taint, ...]:
    """The taints that keep the node for some pods: not those that its state brings."""
    return tuple(taint for taint in untolerated(node, ()) if not taint.key.startswith(_OF_STATE))


def of_the_node(pod: Pod) -> bool:
    """Whether *pod* is there because the node is: of a DaemonSet, or a static pod."""
    controller = pod.metadata.controller()
    return controller is not None and controller.kind in {"DaemonSet", "Node"}
