"""What NetworkPolicies let out of a pod: the rules of all that select it add up."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hubops.model.kube.core import Pod
from hubops.model.kube.meta import LabelSelector
from hubops.model.kube.networking import IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port as policies see it: that of the pod, not of the Service in front of it."""

    protocol: str
    number: int
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a pod wants to reach. `labels` is None for an address that is no pod's own: only blocks match it."""

    ip: str
    ports: tuple[Port, ...]
    namespace: str = ""
    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str] | None = None


def restricts_egress(policy: NetworkPolicy) -> bool:
    """Whether *policy* is about what goes out; without policyTypes it is where it has rules for it, as the API says."""
    types = policy.spec.policy_types
    return "Egress" in types if types else bool(policy.spec.egress)


def selecting(policies: Iterable[NetworkPolicy], pod: Pod) -> list[NetworkPolicy]:
    """Those of *policies*, all of the namespace of *pod*, that select it."""
    return [policy for policy in policies if policy.spec.pod_selector.matches(pod.metadata.labels)]


def allows(policy: NetworkPolicy, target: Target, protocol: str) -> bool:
    """Whether a rule of *policy* lets its pods reach *target* at one of its ports of that *protocol*."""
    ports = [port for port in target.ports if port.protocol == protocol]
    return any(
        (not rule.to or any(_is_peer(peer, policy.namespace, target) for peer in rule.to))
        and (not rule.ports or any(_is_port(item, port) for item in rule.ports for port in ports))
        for rule in policy.spec.egress
    )


def _is_peer(peer: NetworkPolicyPeer, own: str, target: Target) -> bool:
    """Whether *target* is meant by *peer*. Without a namespace selector pods of the policy's *own* namespace are."""
    if peer.ip_block is not None:
        return _contains(peer.ip_block, target.ip)
    if target.labels is None:
        return False
    if peer.namespace_selector is None:
        if target.namespace != own:
            return False
    elif not peer.namespace_selector.matches(dict(target.namespace_labels)):
        return False
    return (peer.pod_selector or LabelSelector()).matches(dict(target.labels))


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
