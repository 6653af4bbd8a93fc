"""Which nodes a pod may be placed on, by what it demands of them: taints, node selector, required node affinity.

As kube-scheduler's plugins TaintToleration and NodeAffinity. What depends on other pods, volumes or ports is not here.
"""

from __future__ import annotations

from collections.abc import Mapping

from hubops.engine.probes.scheduling import untolerated
from hubops.model.kube.core import Node, NodeSelectorRequirement, PodSpec

#: Pods that ask for this label, or for a name, are made for one node.
HOSTNAME = "kubernetes.io/hostname"


def fits(spec: PodSpec, node: Node) -> bool:
    """Whether a pod of *spec* may be placed on *node*; a cordon or a trouble of the node is a taint like others."""
    return selects(spec, node) and not untolerated(node, spec.tolerations)


def selects(spec: PodSpec, node: Node) -> bool:
    """Whether *node* has the labels that a pod of *spec* demands."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in spec.node_selector.items()):
        return False
    required = spec.required_nodes
    if required is None:
        return True
    fields = {"metadata.name": node.name}
    return any(
        all(_meets(item, labels) for item in term.match_expressions)
        and all(_meets(item, fields) for item in term.match_fields)
        for term in required.node_selector_terms
        if term.match_expressions or term.match_fields  # an empty term selects nothing
    )


def label_keys(spec: PodSpec) -> frozenset[str]:
    """The labels of nodes that a pod of *spec* looks at; a node's name counts as its host name."""
    terms = required.node_selector_terms if (required := spec.required_nodes) else ()
    keys = {item.key for term in terms for item in term.match_expressions}
    named = {HOSTNAME for term in terms if term.match_fields}
    return frozenset(keys | named | spec.node_selector.keys())


def _meets(item: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(item.key)
    match item.operator:
        case "In":
            return value in item.values
        case "NotIn":
            return value not in item.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(item.operator, value, item.values)
        case _:
            return False


def _compares(operator: str, value: str | None, values: tuple[str, ...]) -> bool:
    try:
        have, bound = int(value or ""), int(values[0] if values else "")
    except ValueError:
        return False
    return have > bound if operator == "Gt" else have < bound
