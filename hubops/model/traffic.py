"""What NetworkPolicies let through: the rules of all that select a pod add up, each direction for itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from hubops.model.kube.meta import LabelSelector
from hubops.model.kube.networking import IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port as policies see it: that of the pod, not of the Service in front of it."""

    protocol: str
    number: int
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One end of a connection. `labels` is None for an address that is no pod's own: only blocks match it."""

    ip: str
    ports: tuple[Port, ...] = ()
    namespace: str = ""
    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str] | None = None


def restricts_egress(policy: NetworkPolicy) -> bool:
    """Whether *policy* is about what goes out; without policyTypes it is where it has rules for it, as the API says."""
    types = policy.spec.policy_types
    return "Egress" in types if types else bool(policy.spec.egress)


def restricts_ingress(policy: NetworkPolicy) -> bool:
    """Whether *policy* is about what comes in; without policyTypes every policy is, as the API says."""
    types = policy.spec.policy_types
    return "Ingress" in types if types else True


def selecting(policies: Iterable[NetworkPolicy], labels: Mapping[str, str]) -> list[NetworkPolicy]:
    """Those of *policies*, all of one namespace, that select its pods with these *labels*."""
    return [policy for policy in policies if policy.spec.pod_selector.matches(dict(labels))]


def allows(policy: NetworkPolicy, target: Peer, protocol: str) -> bool:
    """Whether a rule of *policy* lets its pods reach *target* at one of its ports of that *protocol*."""
    ports = [port for port in target.ports if port.protocol == protocol]
    return any(
        _meets(rule.to, policy, target) and any(_opens(rule.ports, port) for port in ports)
        for rule in policy.spec.egress
    )


def admits(policy: NetworkPolicy, source: Peer, port: Port) -> bool:
    """Whether a rule of *policy* lets *source* reach its pods at their *port*."""
    return any(_meets(rule.from_, policy, source) and _opens(rule.ports, port) for rule in policy.spec.ingress)


def refused(
    policies: Iterable[NetworkPolicy], source: Peer, target: Peer, port: Port
) -> Literal["egress", "ingress"] | None:
    """Which direction of the policies refuses a connection from *source* to the *port* of *target*; None: it is made.

    A pod without a policy for a direction is open in it. What is no pod has none.
    """
    policies = list(policies)
    leaving = [item for item in _of(policies, source) if restricts_egress(item)]
    one = Peer(
        ip=target.ip, ports=(port,), namespace=target.namespace,
        namespace_labels=target.namespace_labels, labels=target.labels,
    )  # fmt: skip
    if leaving and not any(allows(item, one, port.protocol) for item in leaving):
        return "egress"
    entering = [item for item in _of(policies, target) if restricts_ingress(item)]
    if entering and not any(admits(item, source, port) for item in entering):
        return "ingress"
    return None


def _of(policies: list[NetworkPolicy], peer: Peer) -> list[NetworkPolicy]:
    """Those of *policies* that select *peer*."""
    if peer.labels is None:
        return []
    return selecting((item for item in policies if item.namespace == peer.namespace), peer.labels)


def _meets(peers: tuple[NetworkPolicyPeer, ...], policy: NetworkPolicy, other: Peer) -> bool:
    """Whether a rule with these *peers* is about *other*; one without any is about everything."""
    return not peers or any(_is_peer(peer, policy.namespace, other) for peer in peers)


def _opens(ports: tuple[NetworkPolicyPort, ...], port: Port) -> bool:
    """Whether a rule with these *ports* is about *port*; one without any is about all."""
    return not ports or any(_is_port(item, port) for item in ports)


def _is_peer(peer: NetworkPolicyPeer, own: str, other: Peer) -> bool:
    """Whether *other* is meant by *peer*. Without a namespace selector pods of the policy's *own* namespace are."""
    if peer.ip_block is not None:
        return _contains(peer.ip_block, other.ip)
    if other.labels is None:
        return False
    if peer.namespace_selector is None:
        if other.namespace != own:
            return False
    elif not peer.namespace_selector.matches(dict(other.namespace_labels)):
        return False
    return (peer.pod_selector or LabelSelector()).matches(dict(other.labels))


def _contains(block: IPBlock, ip: str) -> bool:
    try:
        address = ipaddress.ip_address(ip)
        inside = address in ipaddress.ip_network(block.cidr, strict=False)
        return inside and not any(address in ipaddress.ip_network(item, strict=False) for item in block.except_)
    except ValueError:
        return False


def _is_port(asked: NetworkPolicyPort, port: Port) -> bool:
    if (asked.protocol or "TCP") != port.protocol:
        return False
    if asked.port is None:
        return True
    if isinstance(asked.port, str):
        return bool(port.name) and asked.port == port.name
    return asked.port <= port.number <= (asked.end_port or asked.port)
