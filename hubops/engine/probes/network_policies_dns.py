"""network-policy-denies-dns: pods whose own NetworkPolicies do not let them ask the cluster's DNS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from hubops.engine.probe import Absent, probe
from hubops.engine.probes import endpoints, evidence, pods
from hubops.engine.view import View
from hubops.model.check import Severity
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Pod, Service, ServicePort
from hubops.model.kube.networking import NetworkPolicy
from hubops.model.traffic import Peer, Port, allows, restricts_egress, selecting

_DNS = 53
#: Where the DNS Service of a cluster stands: upstream and most distributions, then OpenShift.
_NAMESPACES = ("kube-system", "openshift-dns")
#: Its address on every node, as its manifests and the large clouds have it.
_NODE_LOCAL = "169.254.20.10"
_NODE_LOCAL_APPS = ("node-local-dns", "nodelocaldns")
#: Pods with these DNS policies use the resolver of the node, or one of their own.
_ELSEWHERE = ("Default", "None")
#: Policies of network plugins, which may allow what NetworkPolicies do not.
_OTHERS = (
    "ciliumclusterwidenetworkpolicies.cilium.io",
    "ciliumnetworkpolicies.cilium.io",
    "globalnetworkpolicies.crd.projectcalico.org",
    "networkpolicies.crd.projectcalico.org",
    "adminnetworkpolicies.policy.networking.k8s.io",
)


@probe(needs=("networkpolicies", "pods", "services", "namespaces"), uses=_OTHERS, fields=dict.fromkeys(_OTHERS, ()))
def network_policy_denies_dns(view: View) -> Iterator[Hit]:
    """Running pods that egress policies select, none of which lets them reach a DNS server of the cluster.

    The policies of a pod add up. They are held against the pods and target ports behind the DNS Service, as network
    plugins see them, and against node-local DNS where it runs. Only info where TCP alone is denied, and where the
    address of the Service is allowed, which some plugins see.

    It is skipped where a policy of the network plugin may allow what NetworkPolicies do not, and where no pods stand
    behind a DNS Service: they run elsewhere. Raises Absent for these two.
    """
    policies = [policy for policy in view.objects.networkpolicies if restricts_egress(policy)]
    if not policies:
        return
    servers = tuple(_servers(view))
    if not any(server.labels is not None for server in servers):
        raise Absent("no pods stand behind a Service with port 53 in kube-system: the cluster's DNS runs elsewhere")
    hits = [
        _hit(pod, chosen, view.owner(pod), denied)
        for pod, chosen in _restricted(view, policies)
        if (denied := _denied(chosen, servers))
    ]
    if hits and (others := [name for name in _OTHERS if view.snapshot.custom.get(name)]):
        raise Absent(f"{others[0]} may allow what NetworkPolicies do not")
    yield from hits


def _dns_services(view: View) -> list[Service]:
    return [
        service
        for service in view.objects.services
        if service.namespace in _NAMESPACES and any(port.port == _DNS for port in service.spec.ports)
    ]


def _servers(view: View) -> Iterator[Peer]:
    """What answers DNS: the pods behind the Service, the Service itself, and node-local DNS."""
    for service in _dns_services(view):
        asked = [port for port in service.spec.ports if port.port == _DNS]
        for pod in endpoints.selected(view, service):
            ports = tuple(found for port in asked if (found := _pod_port(pod, port)))
            yield _target(view, pod, pod.status.pod_ip, ports)
        own = tuple(Port(protocol=port.protocol, number=_DNS) for port in asked)
        yield Peer(ip=service.spec.cluster_ip, ports=own, namespace_labels={})
    both = (Port(protocol="UDP", number=_DNS), Port(protocol="TCP", number=_DNS))
    for pod in view.objects.pods:
        if pods.alive(pod) and pod.metadata.labels.get("k8s-app") in _NODE_LOCAL_APPS:
            yield _target(view, pod, _NODE_LOCAL, both)


def _target(view: View, pod: Pod, ip: str, ports: tuple[Port, ...]) -> Peer:
    space = view.find(Ref("Namespace", pod.namespace))
    labels = space.metadata.labels if space else {}
    # Every namespace has this label since 1.22; the API server sees to it.
    labels = {"kubernetes.io/metadata.name": pod.namespace} | labels
    return Peer(ip=ip, ports=ports, namespace=pod.namespace, namespace_labels=labels, labels=pod.metadata.labels)


def _pod_port(pod: Pod, port: ServicePort) -> Port | None:
    """The port of *pod* that the port of the Service leads to."""
    target = port.target_port or port.port
    for container in pod.spec.containers:
        for item in container.ports:
            if item.protocol == port.protocol and target in (item.name, item.container_port):
                return Port(protocol=port.protocol, number=item.container_port, name=item.name)
    return Port(protocol=port.protocol, number=target) if isinstance(target, int) else None


def _restricted(view: View, policies: list[NetworkPolicy]) -> Iterator[tuple[Pod, list[NetworkPolicy]]]:
    """The running pods that some of the egress *policies* select, with those; but not the DNS servers themselves."""
    by_namespace: dict[str, list[NetworkPolicy]] = defaultdict(list)
    for policy in sorted(policies, key=lambda item: item.name):
        by_namespace[policy.namespace].append(policy)
    answering = {pods.reference(pod) for service in _dns_services(view) for pod in endpoints.selected(view, service)}
    for namespace, own in by_namespace.items():
        for pod in view.pods_by_namespace.get(namespace, ()):
            elsewhere = pod.spec.host_network or pod.spec.dns_policy in _ELSEWHERE
            if elsewhere or not pods.alive(pod) or pods.reference(pod) in answering:
                continue
            if chosen := selecting(own, pod.metadata.labels):
                yield pod, chosen


def _denied(policies: list[NetworkPolicy], servers: tuple[Peer, ...]) -> tuple[str, Severity | None] | None:
    """What is denied, and how bad that is where it is not the check's own severity; None where nothing is."""
    spoken = {port.protocol for server in servers for port in server.ports}
    over_tcp = _reached(policies, servers, "TCP")
    usual = _reached(policies, servers, "UDP") if "UDP" in spoken else over_tcp
    if not any(_is_server(server) for server in usual):
        if usual:
            return f"only the address of the Service, {usual[0].ip}, is allowed, which most plugins do not see", "info"
        return "no rule lets them reach the cluster's DNS", None
    if "TCP" in spoken and not any(_is_server(server) for server in over_tcp):
        return "DNS is allowed over UDP and not over TCP, which long answers need", "info"
    return None


def _reached(policies: list[NetworkPolicy], servers: tuple[Peer, ...], protocol: str) -> list[Peer]:
    return [server for server in servers if any(allows(item, server, protocol) for item in policies)]


def _is_server(target: Peer) -> bool:
    return target.labels is not None


def _hit(pod: Pod, policies: list[NetworkPolicy], owner: Ref, denied: tuple[str, Severity | None]) -> Hit:
    words, severity = denied
    names = [policy.name for policy in policies]
    return Hit(
        ref=Ref("NetworkPolicy", names[0], pod.namespace),
        summary=evidence.bounded(f"denies its pods DNS: {words}", 240),
        evidence=tuple(_evidence(policies, owner)),
        severity=severity,
        details={"pod": pod.name},
        example=f"{owner.kind} {owner.name}",
    )


def _evidence(policies: list[NetworkPolicy], owner: Ref) -> Iterator[Evidence]:
    names = ", ".join(policy.name for policy in policies[:5])
    rules = sum(len(policy.spec.egress) for policy in policies)
    chosen = evidence.counted(len(policies), "egress policy", "egress policies")
    yield evidence.fact(f"{owner} is selected by {chosen} ({names}) with {evidence.counted(rules, 'egress rule')}")
