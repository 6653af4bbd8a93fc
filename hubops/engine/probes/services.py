"""service-without-endpoints: Services whose clients reach nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import endpoints, evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Service, ServicePort
from hubops.model.kube.networking import MutatingWebhookConfiguration, ValidatingWebhookConfiguration


@probe(
    # Without what makes the pods, the Service of something that was scaled to zero would be a false alarm.
    needs=("services", "endpointslices", "pods", "deployments", "statefulsets", "daemonsets", "jobs", "replicasets"),
    uses=("events", "validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
)
def service_without_endpoints(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Services with a selector and ports, and for longer than *grace* without a ready endpoint, for all or one port.

    Left out: what is behind them was scaled to zero or runs as a Job. Only info: headless Services that select
    nothing, as charts make them for control planes that a provider hides, and those that an operator keeps for roles
    that nothing has at the moment.
    """
    for service in view.objects.services:
        spec = service.spec
        if spec.type == "ExternalName" or not spec.selector or not spec.ports or service.metadata.deletion_timestamp:
            continue
        gap = endpoints.gap(view, service)
        if gap is None and (lost := endpoints.lost_ports(view, service)) and _older(view, service, grace):
            yield _port_hit(view, service, lost)
        if gap is None or _deliberate(view, service) or not gap.lasts(view, grace):
            continue
        yield _hit(view, service, gap)


def _deliberate(view: View, service: Service) -> bool:
    makers = endpoints.workloads(view, service)
    return (
        bool(makers) and not endpoints.selected(view, service) and all(endpoints.replicas(item) == 0 for item in makers)
    )


def _hit(view: View, service: Service, gap: endpoints.Gap) -> Hit:
    selector = _selector(service)
    idle = gap.unselected and (service.spec.cluster_ip == "None" or service.metadata.controller() is not None)
    return Hit(
        ref=Ref("Service", service.name, service.namespace),
        summary=evidence.bounded(gap.words, 240),
        evidence=tuple(_evidence(view, service, selector)),
        since=gap.since,
        severity="info" if idle else None,
        depends_on=(*gap.owners, *_webhooks(view, service)),
        details={"service": service.name, "selector": selector},
    )


def _older(view: View, service: Service, grace: timedelta) -> bool:
    return pods.longer_than(view, service.metadata.creation_timestamp, grace)


def _port_hit(view: View, service: Service, lost: list[ServicePort]) -> Hit:
    """One port of several leads nowhere."""
    selector = _selector(service)
    said = " and ".join(f"port {port.port} ({port.name or 'without a name'})" for port in lost)
    verb = "leads" if len(lost) == 1 else "lead"
    wanted = ", ".join(dict.fromkeys(str(port.target_port) for port in lost))
    return Hit(
        ref=Ref("Service", service.name, service.namespace),
        summary=evidence.bounded(f"{said} {verb} nowhere: no container behind it has a port named {wanted}", 240),
        evidence=tuple(_evidence(view, service, selector)),
        details={"service": service.name, "selector": selector},
    )


def _selector(service: Service) -> str:
    return evidence.labelled(service.spec.selector)


def _webhooks(view: View, service: Service) -> Iterator[Ref]:
    """The webhook configurations that call the Service: their finding says what its absence breaks."""
    objects = view.objects
    configurations: tuple[ValidatingWebhookConfiguration | MutatingWebhookConfiguration, ...] = (
        *objects.validatingwebhookconfigurations,
        *objects.mutatingwebhookconfigurations,
    )
    for item in configurations:
        called = {(hook.client_config.service.namespace, hook.client_config.service.name)
                  for hook in item.webhooks if hook.client_config.service}  # fmt: skip
        if (service.namespace, service.name) in called:
            yield Ref(type(item).__name__, item.name)


def _evidence(view: View, service: Service, selector: str) -> Iterator[Evidence]:
    ports = ", ".join(f"{port.port}->{port.target_port or port.port}/{port.protocol}" for port in service.spec.ports)
    yield evidence.fact(f"{service.spec.type} Service, ports {ports}, selector {selector}")
    slices = view.slices.get((service.namespace, service.name), ())
    total = sum(len(item.endpoints or ()) for item in slices)
    found = f"{evidence.counted(total, 'endpoint')} in {evidence.counted(len(slices), 'endpoint slice')}"
    held = ", ".join(sorted({port.name or str(port.port) for item in slices for port in item.ports or ()}))
    reached = endpoints.has_endpoints(view, service.namespace, service.name)
    yield evidence.fact(f"{found}, {f'for port {held}' if reached else 'none ready with a port'}")
    for pod in endpoints.selected(view, service)[:3]:
        since = pods.not_ready_since(pod)
        yield evidence.fact(f"pod {pod.name} is {pod.status.phase}, {'not ready' if since else 'ready'}", since)
