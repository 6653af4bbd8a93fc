"""What stands behind a Service: its endpoints, its pods, and why there may be none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Ref
from hubops.model.kube.core import Container, Pod, Service, ServicePort
from hubops.model.kube.meta import condition
from hubops.model.kube.workloads import DaemonSet, Deployment, Job, ReplicaSet, StatefulSet, wanted

Workload = Deployment | StatefulSet | DaemonSet | Job | ReplicaSet


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Why no traffic can reach anything behind a Service."""

    words: str
    since: datetime | None = None  # when it began, where that is known
    not_before: datetime | None = None  # else: the oldest that it can be
    owners: tuple[Ref, ...] = ()  # what makes the pods that are missing or not ready
    unselected: bool = False  # the selector matches nothing: neither a pod nor what would make one

    def lasts(self, view: View, grace: timedelta) -> bool:
        """Whether it has lasted for *grace*, as far as that can be known."""
        return pods.longer_than(view, self.since or self.not_before, grace)


def has_endpoints(view: View, namespace: str, name: str) -> bool:
    """Whether a ready endpoint with a port stands behind the Service; without ports nothing can connect.

    An endpoint whose condition ready is nil counts as ready, as the API demands.
    """
    slices = view.slices.get((namespace, name), ())
    return any(
        endpoint.addresses and endpoint.conditions.ready is not False
        for item in slices
        if item.ports
        for endpoint in item.endpoints or ()
    )


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def selected(view: View, service: Service) -> list[Pod]:
    """The pods that are meant to run and that the Service selects."""
    here = view.pods_by_namespace.get(service.namespace, ())
    return [pod for pod in here if pods.alive(pod) and selects(service.spec.selector, pod.metadata.labels)]


def workloads(view: View, service: Service) -> list[Workload]:
    """What makes pods that the Service would select, even when there are none.

    ReplicaSets stand in for the custom resources that roll out by them, such as an Argo Rollout.
    """
    objects = view.objects
    every: tuple[tuple[Workload, ...], ...] = (
        objects.deployments,
        objects.statefulsets,
        objects.daemonsets,
        objects.jobs,
        objects.replicasets,
    )
    selector = service.spec.selector
    here = (item for items in every for item in items if item.namespace == service.namespace)
    return [item for item in here if selects(selector, _pod_labels(item))]


def _pod_labels(item: Workload) -> Mapping[str, str]:
    """The labels that its pods have or would have; none for the ReplicaSet of a Deployment, which speaks for it."""
    if not isinstance(item, ReplicaSet):
        return item.spec.template.metadata.labels
    controller = item.metadata.controller()
    return {} if controller is not None and controller.kind == "Deployment" else item.metadata.labels


def replicas(item: Workload) -> int:
    """How many pods *item* is to have; a Job runs once, which counts as none."""
    match item:
        case Deployment() | StatefulSet() | ReplicaSet():
            return wanted(item)
        case DaemonSet():
            return item.status.desired_number_scheduled
        case _:
            return 0


def gap(view: View, service: Service) -> Gap | None:
    """Why *service* has no ready endpoint, or None where it has one."""
    if has_endpoints(view, service.namespace, service.name):
        return None
    behind = selected(view, service)
    if not behind:
        return _without_pods(view, service)
    return _behind(view, service, behind)


def _behind(view: View, service: Service, behind: list[Pod]) -> Gap:
    owners = tuple(dict.fromkeys(view.owner(pod) for pod in behind))
    if not any(pods.ready(pod) for pod in behind):
        number = (
            f"none of the {len(behind)} pods behind it is ready" if len(behind) > 1 else "its only pod is not ready"
        )
        times = [since for pod in behind if (since := pods.not_ready_since(pod)) is not None]
        return Gap(words=number, since=max(times, default=None), owners=owners)
    # A pod that has just become ready is not missed: its slice may have been read before it.
    states = [condition(pod.status.conditions, "Ready") for pod in behind if pods.ready(pod)]
    times = [state.last_transition_time for state in states if state and state.last_transition_time]
    return Gap(words=_unreachable(service, behind), not_before=min(times, default=None), owners=owners)


def _without_pods(view: View, service: Service) -> Gap:
    makers = workloads(view, service)
    created = service.metadata.creation_timestamp
    shown = evidence.labelled(service.spec.selector)
    if not makers:
        return Gap(words=f"no pod has the labels {shown}{_nearest(view, service)}", not_before=created, unselected=True)
    owners = tuple(view.owner(item) for item in makers)
    if all(replicas(item) == 0 for item in makers):
        return Gap(words=f"{owners[0]} behind it is scaled to zero", not_before=created, owners=owners)
    return Gap(words=f"{owners[0]} behind it has no pods", not_before=created, owners=owners)


def _nearest(view: View, service: Service) -> str:
    """The labels that come closest to the selector: mostly one word is misspelt."""
    selector = service.spec.selector
    best: tuple[int, str] = (0, "")
    for pod in view.pods_by_namespace.get(service.namespace, ()):
        labels = pod.metadata.labels
        # A key that both have, with another value, is where the slip usually is; an equal pair says more.
        score = sum(2 if labels[key] == value else 1 for key, value in selector.items() if key in labels)
        if pods.alive(pod) and score > best[0]:
            shown = ",".join(f"{key}={labels[key]}" for key in sorted(selector) if key in labels)
            best = (score, f"; the nearest are {shown} of {view.owner(pod)}")
    return best[1]


def _unreachable(service: Service, behind: list[Pod]) -> str:
    """Ready pods without an endpoint: a target port by a name that no container has, or a controller that is behind."""
    for port in _unnamed(service, behind):
        return f"no container behind it has a port named {port.target_port}{_protocol(port)}"
    return "pods behind it are ready, and its endpoint slices do not hold them"


def lost_ports(view: View, service: Service) -> list[ServicePort]:
    """The ports of *service* that lead nowhere though others have endpoints: their target is a name that no container
    behind it gives to a port. A target by number needs no declared port.
    """
    slices = view.slices.get((service.namespace, service.name), ())
    held = {port.name or "" for item in slices for port in item.ports or ()}
    behind = selected(view, service)
    return [port for port in _unnamed(service, behind) if port.name not in held] if behind else []


def _running(pod: Pod) -> Iterator[Container]:
    """The containers that run as long as the pod does: its sidecars among them."""
    yield from pod.spec.containers
    yield from (container for container in pod.spec.init_containers if container.restart_policy == "Always")


def _unnamed(service: Service, behind: list[Pod]) -> Iterator[ServicePort]:
    """The ports whose target is a name that no container of *behind* gives to a port."""
    named = {(port.name, port.protocol) for pod in behind for container in _running(pod) for port in container.ports}
    for port in service.spec.ports:
        if isinstance(port.target_port, str) and port.target_port and (port.target_port, port.protocol) not in named:
            yield port


def _protocol(port: ServicePort) -> str:
    return "" if port.protocol == "TCP" else f" for {port.protocol}"
