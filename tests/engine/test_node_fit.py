"""Which nodes a pod may be placed on, as the scheduler judges it."""

from __future__ import annotations

import pytest

from hubops.engine.probes.node_fit import fits, label_keys
from hubops.model.kube.core import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    NodeSpec,
    PodSpec,
    Taint,
    Toleration,
)
from tests.engine.make import meta

NODE = Node(metadata=meta("worker-1", labels={"zone": "a", "cores": "8"}))
TAINTED = Node(metadata=meta("gpu-1"), spec=NodeSpec(taints=(Taint(key="gpu", value="yes", effect="NoSchedule"),)))


def wanting(*terms: NodeSelectorTerm) -> PodSpec:
    affinity = NodeAffinity(required_during_scheduling_ignored_during_execution=NodeSelector(node_selector_terms=terms))
    return PodSpec(affinity=Affinity(node_affinity=affinity))


def term(key: str, operator: str, *values: str) -> NodeSelectorTerm:
    return NodeSelectorTerm(match_expressions=(NodeSelectorRequirement(key=key, operator=operator, values=values),))


@pytest.mark.parametrize(
    ("asked", "met"),
    [
        (term("zone", "In", "a", "b"), True),
        (term("zone", "In", "b"), False),
        (term("zone", "NotIn", "b"), True),
        (term("disk", "NotIn", "slow"), True),  # a label that is not there is none of the values
        (term("zone", "NotIn", "a"), False),
        (term("zone", "Exists"), True),
        (term("disk", "Exists"), False),
        (term("disk", "DoesNotExist"), True),
        (term("zone", "DoesNotExist"), False),
        (term("cores", "Gt", "4"), True),
        (term("cores", "Gt", "8"), False),
        (term("cores", "Lt", "16"), True),
        (term("cores", "Lt", "8"), False),
        (term("zone", "Gt", "4"), False),
        (term("zone", "Near", "a"), False),
        (NodeSelectorTerm(), False),  # an empty term selects nothing
    ],
)
def test_operators_of_node_affinity(asked: NodeSelectorTerm, met: bool) -> None:
    assert fits(wanting(asked), NODE) is met


def test_one_term_is_enough_and_all_of_a_term_is_needed() -> None:
    assert fits(wanting(term("zone", "In", "b"), term("cores", "Exists")), NODE)
    both = (*term("zone", "In", "b").match_expressions, *term("cores", "Exists").match_expressions)
    assert not fits(wanting(NodeSelectorTerm(match_expressions=both)), NODE)


def test_a_pod_that_names_its_node_looks_at_the_host_name() -> None:
    name = NodeSelectorRequirement(key="metadata.name", operator="In", values=("worker-1",))
    spec = wanting(NodeSelectorTerm(match_fields=(name,)))
    assert fits(spec, NODE)
    assert not fits(spec, TAINTED)
    assert label_keys(spec) == {"kubernetes.io/hostname"}


def test_node_selector_and_taints() -> None:
    assert fits(PodSpec(node_selector={"zone": "a"}), NODE)
    assert not fits(PodSpec(node_selector={"zone": "b"}), NODE)
    assert not fits(PodSpec(), TAINTED)
    assert fits(PodSpec(tolerations=(Toleration(key="gpu", operator="Exists"),)), TAINTED)
    assert not fits(PodSpec(tolerations=(Toleration(key="gpu", operator="Equal", value="no"),)), TAINTED)
