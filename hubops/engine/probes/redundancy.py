"""single-replica-behind-ingress: what users reach, and what one node can take away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from hubops.engine.probe import probe
from hubops.engine.probes import endpoints, evidence, ingresses
from hubops.engine.probes.scaling import least, target
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Service
from hubops.model.kube.scaling import HorizontalPodAutoscaler
from hubops.model.kube.workloads import Deployment, StatefulSet


@probe(
    needs=(
        "ingresses",
        "services",
        "deployments",
        "statefulsets",
        "daemonsets",
        "replicasets",
        "jobs",
        "horizontalpodautoscalers",
    ),
    uses=("pods",),
)
def single_replica_behind_ingress(view: View) -> Iterator[Hit]:
    """Deployments and StatefulSets that an Ingress routes to and are to have one replica, with none beside it.

    All that stands behind the Service counts: a canary of one replica beside others is no single point. So does the
    least that an autoscaler keeps.
    """
    scalers = {target(item): item for item in view.objects.horizontalpodautoscalers}
    routes: dict[Ref, set[str]] = defaultdict(set)
    for ingress in view.objects.ingresses:
        for _, backend in ingresses.backends(ingress):
            if backend.service:
                routes[Ref("Service", backend.service.name, ingress.namespace)].add(ingress.name)
    for ref, names in routes.items():
        service = view.find(ref)
        if not isinstance(service, Service) or not service.spec.selector:
            continue
        behind = endpoints.workloads(view, service)
        if sum(_least(item, scalers) for item in behind) != 1 or len(endpoints.selected(view, service)) > 1:
            continue
        for item in behind:
            if isinstance(item, Deployment | StatefulSet) and _least(item, scalers) == 1:
                yield _hit(item, service, sorted(names), scalers.get(_ref(item)))


def _ref(item: endpoints.Workload) -> Ref:
    return Ref(type(item).__name__, item.name, item.namespace)


def _least(item: endpoints.Workload, scalers: dict[Ref, HorizontalPodAutoscaler]) -> int:
    """How many replicas it keeps at least."""
    scaler, now = scalers.get(_ref(item)), endpoints.replicas(item)
    if scaler is None or now == 0:
        return now
    return least(scaler)


def _hit(
    item: Deployment | StatefulSet, service: Service, names: list[str], scaler: HorizontalPodAutoscaler | None
) -> Hit:
    return Hit(
        ref=_ref(item),
        summary=f"serves Ingress {', '.join(names)} with a single replica: one node or one rollout takes it away",
        evidence=tuple(_evidence(item, service, scaler)),
        details={"service": service.name},
    )


def _evidence(
    item: Deployment | StatefulSet, service: Service, scaler: HorizontalPodAutoscaler | None
) -> Iterator[Evidence]:
    yield evidence.fact(f"replicas {endpoints.replicas(item)}, behind Service {service.name}")
    if scaler is not None:
        yield evidence.fact(
            f"HorizontalPodAutoscaler {scaler.name} keeps 1 at least, {scaler.spec.max_replicas} at most"
        )
    if isinstance(item, Deployment) and item.spec.strategy.type == "Recreate":
        yield evidence.fact("strategy Recreate: every rollout stops it first")
    claims = [
        v.persistent_volume_claim.claim_name for v in item.spec.template.spec.volumes if v.persistent_volume_claim
    ]
    if claims:
        yield evidence.fact(f"mounts claim {', '.join(claims)}: a second replica needs ReadWriteMany")
