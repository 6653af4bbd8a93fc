"""ingress-without-address: Ingresses that no controller serves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import endpoints, evidence, ingresses, pods
from hubops.engine.view import View
from hubops.model.check import Severity
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Pod, Service
from hubops.model.kube.networking import Ingress, IngressClass

_NAME = "app.kubernetes.io/name"
#: What the charts of these controllers call themselves in app.kubernetes.io/name. Controllers that a provider runs
#: outside of the cluster are not here: they have no pods.
_CONTROLLERS = {
    "k8s.io/ingress-nginx": "ingress-nginx",
    "nginx.org/ingress-controller": "nginx-ingress",
    "traefik.io/ingress-controller": "traefik",
    "ingress.k8s.aws/alb": "aws-load-balancer-controller",
    "ingress-controllers.konghq.com/kong": "kong",
    "projectcontour.io/ingress-controller": "contour",
    "haproxy.org/ingress-controller": "kubernetes-ingress",
    "haproxy-ingress.github.io/controller": "haproxy-ingress",
}


@dataclass(frozen=True, kw_only=True)
class _Cause:
    words: str
    about: Ref | None = None  # the class, where all of its Ingresses share the cause
    explained_by: tuple[Ref, ...] = ()
    severity: Severity | None = None


@probe(needs=("ingresses", "ingressclasses", "pods", "services"), uses=("events", "deployments", "daemonsets"))
def ingress_without_address(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Ingresses older than *grace* that no controller gave an address, and why.

    What all Ingresses of a class share is one finding about the class; only info where its controller runs and none
    of them has an address: then it does not publish any.
    """
    for ingress in ingresses.alive(view):
        old = pods.longer_than(view, ingress.metadata.creation_timestamp, grace)
        if ingresses.addresses(ingress) or not old:
            continue
        yield _hit(view, ingress, _cause(view, ingress))


def _cause(view: View, ingress: Ingress) -> _Cause:
    name = ingresses.asked_class(ingress)
    if not name:
        default = ingresses.default_class(view)
        return _Cause(
            words=f"it names no class, and the default {default} is only given to those that are made after it"
            if default
            else "it names no class, and the cluster has no default one"
        )
    found = ingresses.class_of(view, ingress)
    if found is None:
        has = ", ".join(sorted(item.name for item in view.objects.ingressclasses)) or "none"
        # The older annotation needs no object: a controller may watch for the word.
        return _Cause(words=f"ingress class {name} does not exist; the cluster has {has}")
    return _of_controller(view, found)


def _of_controller(view: View, found: IngressClass) -> _Cause:
    said, about = f"controller {found.spec.controller or 'without a name'}", Ref("IngressClass", found.name)
    running = _controller_pods(view, found)
    if any(ingresses.addresses(item) for item in view.objects.ingresses if _same(view, item, found)):
        down = bool(running) and not any(pods.ready(pod) for pod in running or ())
        if not down:
            return _Cause(words=f"{said} gave addresses to others of class {found.name}, and none to this one")
    if running is None:
        return _Cause(words=f"{said} gave none", about=about)
    owners = tuple(dict.fromkeys(view.owner(pod) for pod in running))
    if not running:
        label = f"{_NAME}={_CONTROLLERS.get(found.spec.controller, '')}"
        return _Cause(words=f"{said} has no pods in the cluster (none has the label {label})", about=about)
    if not any(pods.ready(pod) for pod in running):
        number = evidence.counted(len(running), "pod")
        return _Cause(words=f"{said} does not run: none of its {number} is ready", about=about, explained_by=owners)
    pending = _pending(view, running)
    if pending:
        words = f"{said} runs, and its Service {pending[0].namespace}/{pending[0].name} has no address to give"
        return _Cause(words=words, about=about, explained_by=pending)
    return _Cause(words=f"{said} runs and publishes no addresses at all", about=about, severity="info")


def _same(view: View, ingress: Ingress, found: IngressClass) -> bool:
    return (ingresses.asked_class(ingress) or ingresses.default_class(view)) == found.name


def _controller_pods(view: View, found: IngressClass) -> list[Pod] | None:
    """The pods of the controller of a class: by the labels that its chart gave to both, else by its well-known name.

    None where neither says which they are, and for a controller that runs outside of the cluster.
    """
    labels = {
        key: value for key, value in found.metadata.labels.items() if key in (_NAME, "app.kubernetes.io/instance")
    }
    known = _CONTROLLERS.get(found.spec.controller)
    if len(labels) == 2 and (chosen := _selected(view, labels)):
        return chosen
    return _selected(view, {_NAME: known}) if known else None


def _selected(view: View, labels: dict[str, str]) -> list[Pod]:
    """The pods with *labels* that are meant to run; not the Jobs of the same chart."""
    return [
        pod
        for pod in view.objects.pods
        if pods.alive(pod) and endpoints.selects(labels, pod.metadata.labels) and view.owner(pod).kind not in _JOBS
    ]


_JOBS = {"Job", "CronJob"}


def _pending(view: View, running: list[Pod]) -> tuple[Ref, ...]:
    """The load balancers in front of the controller that have no address, where none of them has one."""
    front = [service for service in view.objects.services if _leads_to(service, running)]
    if any(service.status.load_balancer.ingress for service in front):
        return ()
    return tuple(Ref("Service", service.name, service.namespace) for service in front)


def _leads_to(service: Service, running: list[Pod]) -> bool:
    return service.spec.type == "LoadBalancer" and any(
        pod.namespace == service.namespace and endpoints.selects(service.spec.selector, pod.metadata.labels)
        for pod in running
    )


def _hit(view: View, ingress: Ingress, cause: _Cause) -> Hit:
    name = ingresses.asked_class(ingress)
    return Hit(
        ref=cause.about or ingresses.reference(ingress),
        summary=evidence.bounded(f"{'Ingresses without' if cause.about else 'no'} address: {cause.words}", 300),
        evidence=tuple(_evidence(view, ingress)),
        since=ingress.metadata.creation_timestamp,
        severity=cause.severity,
        depends_on=cause.explained_by,
        details={"ingressclass": name} if name else {},
        example=f"{ingress.namespace}/{ingress.name}" if cause.about else None,
    )


def _evidence(view: View, ingress: Ingress) -> Iterator[Evidence]:
    name = ingresses.asked_class(ingress) or "none"
    hosts = ", ".join(host or "*" for host in ingresses.hosts(ingress)[:5])
    yield evidence.fact(f"class {name}, for {hosts or 'every host'}", ingress.metadata.creation_timestamp)
    controllers = ", ".join(f"{item.name} ({item.spec.controller})" for item in view.objects.ingressclasses)
    yield evidence.fact(f"ingress classes of the cluster: {controllers or 'none'}")
    events = view.events.get(ingresses.reference(ingress), ())
    yield from (evidence.from_event(event) for event in events[:2])
