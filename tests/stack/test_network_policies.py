"""The rendered NetworkPolicies let through what is documented, and refuse what must be refused, at every site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from msgspec import convert

from hubops.model.kube.meta import LabelSelector
from hubops.model.kube.networking import NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from hubops.model.traffic import Peer, refused, restricts_egress, restricts_ingress
from tests.stack import cyclonus
from tests.stack.flows import ADDRESSES, OTHERS, PODS, flows, namespaces, peer, policies, port_of, table
from tests.stack.rendered import SITES, STACKS, component, site

DOCUMENT = Path(__file__).parents[2] / "docs" / "network-policies.md"


@pytest.mark.parametrize("at", SITES)
def test_documented_flows_are_allowed(at: str) -> None:
    all_of = policies(at)
    made = [
        (flow, refused(all_of, peer(flow.source), peer(flow.target), port_of(flow))) for flow in flows("allowed", at)
    ]
    assert len(made) > 150
    assert [f"{flow} ({direction})" for flow, direction in made if direction] == []


@pytest.mark.parametrize("at", SITES)
def test_flows_that_must_not_be_are_refused(at: str) -> None:
    all_of = policies(at)
    tried = [*flows("denied", at)]
    assert len(tried) >= 35
    assert [str(f) for f in tried if not refused(all_of, peer(f.source), peer(f.target), port_of(f))] == []


@pytest.mark.parametrize("at", SITES)
def test_every_namespace_denies_by_default(at: str) -> None:
    """In both directions and for every pod; kube-system is no business of the stack."""
    closed = {
        policy.namespace
        for policy in policies(at)
        if policy.spec.pod_selector == LabelSelector()
        and not policy.spec.ingress and not policy.spec.egress
        and restricts_ingress(policy) and restricts_egress(policy)
    }  # fmt: skip
    assert closed == namespaces(at)
    assert closed >= {"cert-manager", "ingress-nginx", "monitoring", "logging", "keda", "vpa", "velero", "hubops"}
    assert closed >= set(site(at).applications)
    assert not closed & {"kube-system", "kube-public", "kube-node-lease", "default"}


@pytest.mark.parametrize("at", SITES)
def test_every_pod_that_is_documented_is_in_a_namespace_of_some_site(at: str) -> None:
    known = {name.partition("/")[0] for name in PODS}
    assert namespaces(at) <= known
    assert known - set(OTHERS) == set().union(*(namespaces(each) for each in SITES))


@pytest.mark.parametrize("at", SITES)
def test_every_policy_is_about_pods_that_are_there(at: str) -> None:
    """A selector or a port with a slip of the pen is an outage: each must fit a documented pod."""
    assert [*nothing_behind(policies(at))] == []


def nothing_behind(all_of: Iterable[NetworkPolicy]) -> Iterator[str]:
    for policy in all_of:
        selected = matching(NetworkPolicyPeer(pod_selector=policy.spec.pod_selector), policy.namespace)
        if not selected:
            yield f"{policy.namespace}/{policy.name} selects no pod"
        for inward in policy.spec.ingress:
            yield from unmatched(policy, inward.from_, inward.ports, selected)
        for outward in policy.spec.egress:
            reached = [pod for each in outward.to for pod in matching(each, policy.namespace)]
            yield from unmatched(policy, outward.to, outward.ports, reached)


def unmatched(
    policy: NetworkPolicy, peers: Iterable[NetworkPolicyPeer], ports: Iterable[NetworkPolicyPort], listening: list[Peer]
) -> Iterator[str]:
    """What of a rule fits nothing: peers that are no pods, and ports on which none of those *listening* listens."""
    for each in peers:
        if each.ip_block is None and not matching(each, policy.namespace):
            yield f"{policy.namespace}/{policy.name}: no pod is {each}"
    heard = {(p.protocol, key) for pod in listening for p in pod.ports for key in (p.number, p.name)}
    for item in ports:
        if listening and item.port is not None and (item.protocol or "TCP", item.port) not in heard:
            yield f"{policy.namespace}/{policy.name}: nobody listens on {item.port}"


def matching(each: NetworkPolicyPeer, own: str) -> list[Peer]:
    """The documented pods that *each* is about, from a policy in the namespace *own*."""
    if each.ip_block is not None:
        return []
    pods = (peer(name) for name in PODS)
    if each.namespace_selector is None:
        pods = (pod for pod in pods if pod.namespace == own)
    else:
        chosen = each.namespace_selector
        pods = (pod for pod in pods if chosen.matches(dict(pod.namespace_labels)))
    return [pod for pod in pods if (each.pod_selector or LabelSelector()).matches(dict(pod.labels or {}))]


@pytest.mark.parametrize("at", SITES)
def test_a_second_judge_agrees(at: str) -> None:
    """From every pod and address to every port of every pod, and the documented flows: cyclonus says the same."""
    ends = [peer(name) for name in (*PODS, *ADDRESSES)]
    asked = [(source, target, port) for source in ends for target in ends for port in target.ports]
    documented = (*flows("allowed", at), *flows("denied", at))
    asked += [(peer(flow.source), peer(flow.target), port_of(flow)) for flow in documented]
    written = component(at, "network-policies").objects()
    theirs = cyclonus.refused(written, asked)
    ours = [refused(policies(at), *each) for each in asked]
    assert [(*each, one, other) for each, one, other in zip(asked, ours, theirs, strict=True) if one != other] == []
    assert Counter(ours).keys() == {None, "egress", "ingress"}


def test_a_policy_about_nothing_is_found() -> None:
    policy = convert(
        {
            "metadata": {"name": "slip", "namespace": "monitoring"},
            "spec": {
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": "grafana"}},
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "nobody"}}}], "ports": [{"port": 3001}]}],
            },
        },
        NetworkPolicy,
    )
    found = [*nothing_behind([policy])]
    assert len(found) == 2
    assert "nobody listens on 3001" in found[1]


@pytest.mark.parametrize("at", SITES)
def test_both_stacks_have_the_same_policies(at: str) -> None:
    """While one stack follows the other, no policy knows only the pods of one of them."""
    pinned, current = (list(component(at, "network-policies", stack).objects()) for stack in STACKS)
    assert current == pinned


@pytest.mark.parametrize("kind", ["allowed", "denied"])
def test_the_flows_are_shown(kind: str) -> None:
    assert table(kind) in DOCUMENT.read_text(encoding="utf-8")
