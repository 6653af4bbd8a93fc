"""load-balancer-pending: Services of type LoadBalancer that nobody gave an address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Event, Service

#: What the service controller of cloud providers and MetalLB's say when they fail.
_FAILED = (
    "SyncLoadBalancerFailed",
    "UnAvailableLoadBalancer",
    "AllocationFailed",
    "FailedDeployModel",
    "FailedBuildModel",
)
#: How the ids of nodes begin that no cloud made: kind, k3s, and kubeadm, which gives none.
_NO_CLOUD = ("kind://", "k3s://")


@probe(needs=("services",), uses=("events", "nodes"))
def load_balancer_pending(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Services of type LoadBalancer older than *grace* without an address, with what the controller says of it.

    Only info where no cloud made the nodes and no Service has one: a controller was never there, and what is behind it
    is reached by node ports. Left out: Services with external IPs of their own.
    """
    for service in view.objects.services:
        if service.spec.type != "LoadBalancer" or service.metadata.deletion_timestamp is not None:
            continue
        reached = service.spec.external_ips or addresses(service)
        if not reached and pods.longer_than(view, service.metadata.creation_timestamp, grace):
            yield _hit(view, service)


def addresses(service: Service) -> tuple[str, ...]:
    """The addresses and names of its load balancer."""
    found = service.status.load_balancer.ingress
    return tuple(item.ip or item.hostname for item in found if item.ip or item.hostname)


def _events(view: View, service: Service) -> tuple[Event, ...]:
    return view.events.get(Ref("Service", service.name, service.namespace), ())


def _hit(view: View, service: Service) -> Hit:
    return Hit(
        ref=Ref("Service", service.name, service.namespace),
        summary=evidence.bounded(f"load balancer without an address: {_cause(view, service)}", 300),
        evidence=tuple(_evidence(view, service)),
        since=service.metadata.creation_timestamp,
        severity="info" if _by_hand(view) and not _served(view) and not _events(view, service) else None,
        details={"service": service.name},
    )


def _cause(view: View, service: Service) -> str:
    failed = evidence.newest(_events(view, service), *_FAILED)
    if failed is not None:
        said = failed.message.removeprefix("Error syncing load balancer: ")
        return said.removeprefix("failed to ensure load balancer: ")
    if service.spec.load_balancer_class:
        return f"no controller answers for its class {service.spec.load_balancer_class}"
    if _served(view):
        return "its controller gave others one, and says nothing of this one"
    return "no Service has one: the cluster seems to have no controller that makes load balancers"


def _served(view: View) -> bool:
    """Whether the cluster's own controller gave an address to any Service."""
    return any(addresses(item) and not item.spec.load_balancer_class for item in view.objects.services)


def _by_hand(view: View) -> bool:
    """Whether no cloud made the nodes."""
    ids = [node.spec.provider_id for node in view.objects.nodes]
    return bool(ids) and all(not item or item.startswith(_NO_CLOUD) for item in ids)


def _evidence(view: View, service: Service) -> Iterator[Evidence]:
    ports = ", ".join(f"{port.port}/{port.protocol}" for port in service.spec.ports)
    yield evidence.fact(f"LoadBalancer Service, ports {ports or 'none'}", service.metadata.creation_timestamp)
    yield from (evidence.from_event(event) for event in _events(view, service)[:3])
