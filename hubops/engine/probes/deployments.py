"""deployment-unavailable: Deployments with fewer available replicas than their strategy promises."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pending, pods, refused
from hubops.engine.probes.readiness import node_ready
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Node, Pod
from hubops.model.kube.meta import IntOrString, condition, holding
from hubops.model.kube.workloads import Deployment, wanted

#: What tells why a Deployment lacks pods: see `cause`, `explaining` and `shown`.
TELLING = (
    "pods",
    "replicasets",
    "nodes",
    "events",
    "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations",
)


@probe(needs=("deployments",), uses=TELLING)
def deployment_unavailable(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Deployments that miss their promise for longer than *grace*; critical where no replica is available at all.

    Left out: scaled to zero, paused, being deleted, and a change that its controller has not looked at yet.
    """
    for item in view.objects.deployments:
        seen = item.status.observed_generation >= item.metadata.generation
        if not wanted(item) or item.spec.paused or item.metadata.deletion_timestamp is not None or not seen:
            continue
        available = item.status.available_replicas
        if available and available >= promised(item):
            continue
        since = _since(view, item)
        if pods.longer_than(view, since, grace):
            yield _hit(view, item, since)


def promised(item: Deployment) -> int:
    """How many replicas the strategy promises to keep available.

    As the deployment controller's MaxUnavailable: percentages of the surge round up, those of the unavailable down,
    and where both come to nothing one may be unavailable. Recreate promises all, outside of its rollouts.
    """
    if item.spec.strategy.type != "RollingUpdate":
        return wanted(item)
    rolling = item.spec.strategy.rolling_update
    unavailable = _scaled(rolling.max_unavailable if rolling else None, wanted(item), math.floor)
    if unavailable == 0 and _scaled(rolling.max_surge if rolling else None, wanted(item), math.ceil) == 0:
        unavailable = 1
    return max(wanted(item) - unavailable, 0)


def _scaled(value: IntOrString | None, of: int, rounded: Callable[[float], int]) -> int:
    """A count, or a percentage of *of*; the API's default is 25 %."""
    if isinstance(value, int):
        return value
    return rounded(float((value or "25%").rstrip("%")) * of / 100)


def _since(view: View, item: Deployment) -> datetime | None:
    """When it fell below its promise, as its controller noted; for one that promises nothing, when its pods did."""
    state = condition(item.status.conditions, "Available")
    if state is not None and state.status != "True":
        return state.last_transition_time
    times = [since for pod in unready_pods(view, item) if (since := pods.not_ready_since(pod)) is not None]
    return max(times, default=item.metadata.creation_timestamp)


def own_pods(view: View, item: Deployment) -> list[Pod]:
    return [pod for pod in view.pods_of.get(Ref("Deployment", item.name, item.namespace), ()) if pods.alive(pod)]


def unready_pods(view: View, item: Deployment) -> list[Pod]:
    return [pod for pod in own_pods(view, item) if not pods.ready(pod)]


def _hit(view: View, item: Deployment, since: datetime | None) -> Hit:
    available, replicas = item.status.available_replicas, wanted(item)
    if available:
        number = f"{available} of {replicas} replicas available, {promised(item)} promised"
    else:
        number = f"none of {replicas} replicas available" if replicas > 1 else "its only replica is not available"
    return Hit(
        ref=Ref("Deployment", item.name, item.namespace),
        summary=evidence.bounded(number + cause(view, item), 300),
        evidence=tuple(shown(view, item)),
        value=Value(float(available), "replicas"),
        since=since,
        severity="critical" if not available else "warning",
        depends_on=tuple(explaining(view, item)),
        details=pods.details(unready[0]) if (unready := unready_pods(view, item)) else {},
    )


def cause(view: View, item: Deployment) -> str:
    """Why there are too few: what the controller says, or what most of its pods that are not ready have."""
    if failure := holding(item.status.conditions, "ReplicaFailure"):
        return f": pods cannot be created: {failure.message}"
    reasons = Counter(pending.why_not_ready(view, pod) for pod in unready_pods(view, item))
    return f": {reasons.most_common(1)[0][0]}" if reasons else ""


def explaining(view: View, item: Deployment) -> Iterator[Ref]:
    """What, when broken, explains it: webhooks that refuse its pods, claims that these wait for, and nodes.

    Nodes only if all its unready pods are on lost ones, or wait for ones in trouble.
    """
    if failure := holding(item.status.conditions, "ReplicaFailure"):
        yield from refused.causes(view, failure.message, item.namespace)
    unready = unready_pods(view, item)
    for pod in unready:
        yield from pods.claims(view, pod)
    nodes = [_troubled(view, pod) for pod in unready]
    if all(nodes):
        yield from sorted({ref for refs in nodes for ref in refs})


def _troubled(view: View, pod: Pod) -> tuple[Ref, ...]:
    """The lost node that *pod* is on, or the nodes in trouble that it waits for."""
    if not pod.spec.node_name:
        return pending.troubled_nodes(view, pod)
    node = view.find(Ref("Node", pod.spec.node_name))
    return pods.on_node(pod) if isinstance(node, Node) and not node_ready(node) else ()


def shown(view: View, item: Deployment) -> Iterator[Evidence]:
    status = item.status
    yield evidence.fact(
        f"replicas: {wanted(item)} wanted, {status.updated_replicas} updated, {status.ready_replicas} ready,"
        f" {status.available_replicas} available"
    )
    for kind in ("ReplicaFailure", "Available", "Progressing"):
        state = condition(status.conditions, kind)
        if state is not None and (state.status == "True") == (kind == "ReplicaFailure"):
            yield evidence.from_condition(state)
    for pod in unready_pods(view, item)[:1]:
        events = pods.pod_events(view, pod)
        yield from (evidence.from_event(event) for event in events[:1])
