"""What NetworkPolicies let through, by the rules of their API."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import convert

from hubops.model.kube.networking import NetworkPolicy
from hubops.model.traffic import Peer, Port, refused

HTTP = Port(protocol="TCP", number=8080, name="http")
DNS = Port(protocol="UDP", number=53)


def pod(name: str, namespace: str = "shop") -> Peer:
    return Peer(
        ip="10.244.0.7", ports=(HTTP,), namespace=namespace,
        namespace_labels={"kubernetes.io/metadata.name": namespace}, labels={"app": name},
    )  # fmt: skip


OUTSIDE = Peer(ip="198.51.100.7", namespace_labels={})
METADATA = Peer(ip="169.254.169.254", namespace_labels={})


def policy(namespace: str = "shop", **spec: Any) -> NetworkPolicy:
    return convert({"metadata": {"name": "p", "namespace": namespace}, "spec": spec}, NetworkPolicy)


DENY = policy(podSelector={}, policyTypes=["Ingress", "Egress"])
WEB = {"podSelector": {"matchLabels": {"app": "web"}}}
FROM_WEB = policy(podSelector={"matchLabels": {"app": "api"}}, ingress=[{"from": [WEB]}])
NOT_LINK_LOCAL = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]}


def into(*rules: dict[str, Any], **labels: str) -> NetworkPolicy:
    return policy(podSelector={"matchLabels": labels}, policyTypes=["Ingress"], ingress=list(rules))


def out(*rules: dict[str, Any]) -> NetworkPolicy:
    return policy(podSelector={}, policyTypes=["Egress"], egress=list(rules))


@pytest.mark.parametrize(
    ("policies", "source", "target", "port", "by"),
    [
        ([], "web", "api", HTTP, None),
        ([DENY], "web", "api", HTTP, "egress"),
        # Each direction for itself: what may go out must also be let in.
        ([DENY, out({})], "web", "api", HTTP, "ingress"),
        ([DENY, out({}), into({})], "web", "api", HTTP, None),
        # Without policyTypes a policy is about what comes in, and about what goes out only where it has rules for it.
        ([FROM_WEB], "web", "api", HTTP, None),
        ([FROM_WEB], "cron", "api", HTTP, "ingress"),
        ([FROM_WEB], "api", "cron", HTTP, None),
        # Rules add up, over policies and within one.
        ([into(), into({}, app="api")], "web", "api", HTTP, None),
        ([into({"ports": [{"port": 1}]}), into({"ports": [{"port": 8080}]})], "web", "api", HTTP, None),
        # Ports: numbers, ranges, names of the target's pod, and TCP where no protocol is said.
        ([into({"ports": [{"port": 8000, "endPort": 8080}]})], "web", "api", HTTP, None),
        ([into({"ports": [{"port": 8000, "endPort": 8079}]})], "web", "api", HTTP, "ingress"),
        ([into({"ports": [{"port": "http"}]})], "web", "api", HTTP, None),
        ([into({"ports": [{"port": "https"}]})], "web", "api", HTTP, "ingress"),
        ([out({"ports": [{"port": 53}]})], "web", "api", DNS, "egress"),
        ([out({"ports": [{"port": 53, "protocol": "UDP"}]})], "web", "api", DNS, None),
        # A selector of pods alone means those of the policy's own namespace; with one of namespaces, both must fit.
        ([into({"from": [{"podSelector": {}}]})], pod("web", "other"), "api", HTTP, "ingress"),
        ([into({"from": [{"namespaceSelector": {}}]})], pod("web", "other"), "api", HTTP, None),
        (
            [into({"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}},
                             "podSelector": {"matchLabels": {"app": "web"}}}]})],
            pod("cron", "other"), "api", HTTP, "ingress",
        ),
        # Pods are no addresses of the outside, which only blocks mean; an exception of a block is none of it.
        ([into({"from": [{"namespaceSelector": {}}]})], OUTSIDE, "api", HTTP, "ingress"),
        ([into({"from": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]})], OUTSIDE, "api", HTTP, None),
        ([out(NOT_LINK_LOCAL)], "web", OUTSIDE, HTTP, None),
        ([out(NOT_LINK_LOCAL)], "web", METADATA, HTTP, "egress"),
        # Policies of another namespace are about its pods.
        ([policy("other", podSelector={}, policyTypes=["Ingress"])], "web", "api", HTTP, None),
    ],
)  # fmt: skip
def test_refused(
    policies: list[NetworkPolicy], source: str | Peer, target: str | Peer, port: Port, by: str | None
) -> None:
    ends = [end if isinstance(end, Peer) else pod(end) for end in (source, target)]
    assert refused(policies, ends[0], ends[1], port) == by
