"""apiservice-unavailable: APIs that the API server hands on to an extension, which does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import custom, endpoints, evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Service
from hubops.model.kube.meta import Condition, Kube, ObjectMeta, condition
from hubops.model.kube.networking import ServiceReference

APISERVICES = "apiservices.apiregistration.k8s.io"
#: What stands still without an API, where its name tells.
_WITHOUT = {
    "metrics.k8s.io": "no HorizontalPodAutoscaler scales by CPU or memory, and kubectl top fails",
    "custom.metrics.k8s.io": "no HorizontalPodAutoscaler scales by custom metrics",
    "external.metrics.k8s.io": "no HorizontalPodAutoscaler and no ScaledObject scales by external metrics",
}


class _Spec(Kube, frozen=True):
    group: str = ""
    version: str = ""
    service: ServiceReference | None = None  # None: the API server serves it itself


class _Status(Kube, frozen=True):
    conditions: tuple[Condition, ...] = ()


class APIService(Kube, frozen=True):
    """An apiregistration.k8s.io/v1 APIService, trimmed."""

    metadata: ObjectMeta = ObjectMeta()
    spec: _Spec = _Spec()
    status: _Status = _Status()


@probe(
    needs=(APISERVICES,),
    uses=("services", "endpointslices", "pods", "deployments", "statefulsets", "daemonsets", "jobs", "replicasets"),
    fields={APISERVICES: ("spec.group", "spec.version", "spec.service", "status.conditions")},
)
def apiservice_unavailable(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """APIServices whose condition Available is not True for longer than *grace*, or that never got one.

    Raises ValueError for those that are not as the API server writes them.
    """
    for item in custom.read(view, APIService, APISERVICES):
        state = condition(item.status.conditions, "Available")
        if (state is not None and state.status == "True") or item.metadata.deletion_timestamp is not None:
            continue
        since = (state.last_transition_time if state else None) or item.metadata.creation_timestamp
        if pods.longer_than(view, since, grace):
            yield _hit(view, item, state)


def name_of(group_version: str) -> str:
    """The name of the APIService of "metrics.k8s.io/v1beta1": v1beta1.metrics.k8s.io."""
    group, _, version = group_version.partition("/")
    return f"{version}.{group}"


def _hit(view: View, item: APIService, state: Condition | None) -> Hit:
    service = item.spec.service
    said = (state.message or state.reason) if state else "the API server has not looked at it yet"
    where = f"Service {service.namespace}/{service.name}" if service else "the API server itself"
    without = _WITHOUT.get(item.spec.group)
    summary = f"{where} does not serve {item.spec.group}/{item.spec.version}: {said}"
    found = {"service": service.name, "namespace": service.namespace} if service else {}
    return Hit(
        ref=Ref("APIService", item.metadata.name),
        summary=evidence.bounded(summary + (f"; {without}" if without else ""), 300),
        evidence=tuple(_evidence(view, item, state)),
        since=(state.last_transition_time if state else None) or item.metadata.creation_timestamp,
        depends_on=tuple(_behind(view, service)),
        details=found,
    )


def _evidence(view: View, item: APIService, state: Condition | None) -> Iterator[Evidence]:
    if state is not None:
        yield evidence.from_condition(state)
    service = _service(view, item.spec.service)
    gap = endpoints.gap(view, service) if service is not None else None
    if gap is not None:
        yield evidence.fact(f"Service {service.namespace}/{service.name}: {gap.words}" if service else gap.words)


def _behind(view: View, reference: ServiceReference | None) -> Iterator[Ref]:
    """What has to be well for the extension to answer: its Service, and what makes the pods behind that."""
    if reference is None:
        return
    yield Ref("Service", reference.name, reference.namespace)
    service = _service(view, reference)
    if service is not None:
        yield from dict.fromkeys(view.owner(item) for item in endpoints.workloads(view, service))
        yield from dict.fromkeys(view.owner(pod) for pod in endpoints.selected(view, service))


def _service(view: View, reference: ServiceReference | None) -> Service | None:
    found = view.find(Ref("Service", reference.name, reference.namespace)) if reference else None
    return found if isinstance(found, Service) else None
