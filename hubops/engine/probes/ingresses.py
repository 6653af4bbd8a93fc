"""ingress-backend-missing, and what several probes ask about Ingresses: their class, addresses, hosts and backends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Service
from hubops.model.kube.networking import Ingress, IngressBackend, IngressClass, IngressServiceBackend

NGINX = "k8s.io/ingress-nginx"
_CLASS = "kubernetes.io/ingress.class"
_DEFAULT = "ingressclass.kubernetes.io/is-default-class"
#: With this port name the AWS load balancer controller takes an action from an annotation, not a Service.
_BY_ANNOTATION = "use-annotation"


def reference(ingress: Ingress) -> Ref:
    return Ref("Ingress", ingress.name, ingress.namespace)


def alive(view: View) -> Iterator[Ingress]:
    """The Ingresses that are not being deleted."""
    return (item for item in view.objects.ingresses if item.metadata.deletion_timestamp is None)


def asked_class(ingress: Ingress) -> str:
    """The class that *ingress* names, by its field or by the older annotation; empty for none."""
    return ingress.spec.ingress_class_name or ingress.metadata.annotations.get(_CLASS, "")


def default_class(view: View) -> str:
    """The class of Ingresses that name none; empty where there is no default."""
    items = view.objects.ingressclasses
    return next((item.name for item in items if item.metadata.annotations.get(_DEFAULT) == "true"), "")


def class_of(view: View, ingress: Ingress) -> IngressClass | None:
    """The class that *ingress* names, where the cluster has it."""
    found = view.find(Ref("IngressClass", asked_class(ingress)))
    return found if isinstance(found, IngressClass) else None


def controller_of(view: View, ingress: Ingress) -> str:
    """The controller of its class ("k8s.io/ingress-nginx"); empty where that is not known."""
    found = class_of(view, ingress)
    return found.spec.controller if found else ""


def addresses(ingress: Ingress) -> tuple[str, ...]:
    """The addresses and names of load balancers that its controller gave it."""
    return tuple(item.ip or item.hostname for item in ingress.status.load_balancer.ingress if item.ip or item.hostname)


def hosts(ingress: Ingress) -> tuple[str, ...]:
    """The hosts of its rules, each once; an empty one stands for every host."""
    return tuple(dict.fromkeys(rule.host for rule in ingress.spec.rules))


def backends(ingress: Ingress) -> Iterator[tuple[str, IngressBackend]]:
    """Each backend, with the host and path that lead to it."""
    if ingress.spec.default_backend is not None:
        yield "the default backend", ingress.spec.default_backend
    for rule in ingress.spec.rules:
        for path in rule.http.paths if rule.http else ():
            yield f"{rule.host or '*'}{path.path or '/'}", path.backend


@probe(needs=("ingresses", "services"), uses=("ingressclasses",))
def ingress_backend_missing(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Ingresses older than *grace* with a path to a Service that does not exist, or to a port that it does not have.

    Left out: backends that are custom resources, and those that the AWS controller takes from annotations.
    """
    for ingress in alive(view):
        if not pods.longer_than(view, ingress.metadata.creation_timestamp, grace):
            continue
        broken = [(where, said) for where, backend in backends(ingress) if (said := _wrong(view, ingress, backend))]
        if broken:
            yield _hit(ingress, broken)


def _wrong(view: View, ingress: Ingress, backend: IngressBackend) -> tuple[str, str] | None:
    """What is wrong with *backend*, and the name of its Service; None where nothing is."""
    named = backend.service
    if named is None or named.port.name == _BY_ANNOTATION:
        return None
    service = view.find(Ref("Service", named.name, ingress.namespace))
    if not isinstance(service, Service):
        return f"Service {named.name} does not exist in namespace {ingress.namespace}", named.name
    if _has_port(service, named, nginx=controller_of(view, ingress) == NGINX):
        return None
    has = ", ".join(f"{port.port} ({port.name})" if port.name else f"{port.port}" for port in service.spec.ports)
    return (
        f"Service {named.name} has no port {named.port.name or named.port.number}; it has {has or 'none'}",
        named.name,
    )


def _has_port(service: Service, named: IngressServiceBackend, *, nginx: bool) -> bool:
    """Whether the Service has the port. ingress-nginx also takes the target port, by number or name."""
    asked = named.port.name or named.port.number
    # Without ports of its own an ExternalName Service is reached at the port that the Ingress names.
    if service.spec.type == "ExternalName" and not service.spec.ports:
        return True
    return any(asked in (port.port, port.name) or (nginx and asked == port.target_port) for port in service.spec.ports)


def _hit(ingress: Ingress, broken: list[tuple[str, tuple[str, str]]]) -> Hit:
    where, (said, service) = broken[0]
    more = f", and {len(broken) - 1} more of its paths lead nowhere" if len(broken) > 1 else ""
    return Hit(
        ref=reference(ingress),
        summary=evidence.bounded(f"{where} leads nowhere: {said}{more}", 300),
        evidence=tuple(_evidence(ingress, broken)),
        details={"service": service},
    )


def _evidence(ingress: Ingress, broken: list[tuple[str, tuple[str, str]]]) -> Iterator[Evidence]:
    yield evidence.fact(f"{evidence.counted(len(list(backends(ingress))), 'backend')}, {len(broken)} of them missing")
    yield from (evidence.fact(f"{where}: {said}") for where, (said, _) in broken[:5])
