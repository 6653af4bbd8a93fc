"""pod-stuck-terminating: pods that were deleted, and are still there long after their grace period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.readiness import node_ready
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Value
from hubops.model.kube.core import Node, Pod
from hubops.model.kube.storage import PersistentVolumeClaim, VolumeAttachment
from hubops.model.quantity import human_duration

#: Events of a kubelet that cannot end what it should.
_KILLING = ("FailedKillPod", "ExceededGracePeriod", "FailedPreStopHook")


@probe(needs=("pods", "nodes"), uses=("events", "persistentvolumeclaims", "volumeattachments"))
def pod_stuck_terminating(view: View, *, overdue: timedelta) -> Iterator[Hit]:
    """Pods whose deletion should have been over for longer than *overdue*.

    The API's deletionTimestamp of a pod is the end of its grace period, however long that is.
    """
    for pod in view.objects.pods:
        since = pod.metadata.deletion_timestamp
        if since is not None and view.now - since > overdue:
            yield _hit(view, pod, since)


def _hit(view: View, pod: Pod, since: datetime) -> Hit:
    volumes = _attached(view, pod)
    late = human_duration(view.now - since)
    found = {"volume": volumes[0].spec.source.persistent_volume_name or ""} if volumes else {}
    return Hit(
        ref=pods.reference(pod),
        summary=evidence.bounded(f"should have been gone {late} ago: {_reason(view, pod, volumes)}", 300),
        evidence=tuple(_evidence(view, pod, since, volumes)),
        value=Value((view.now - since).total_seconds(), "seconds"),
        since=since,
        depends_on=pods.on_node(pod),
        details=pods.details(pod, next(iter(_running(pod)), None)) | found,
    )


def _reason(view: View, pod: Pod, volumes: list[VolumeAttachment]) -> str:
    """What holds it, the first of these: its node, its containers, finalizers, volumes, its kubelet."""
    node = _node(view, pod)
    if pod.spec.node_name and node is None:
        return f"its node {pod.spec.node_name} no longer exists{_finalizers(pod, ', and ')}"
    if node is not None and not node_ready(node):
        return f"node {node.name} is not ready, and only its kubelet can say that the containers have ended"
    if running := _running(pod):
        return f"{running[0].title} still runs{_why_it_runs(view, pod)}"
    if pod.metadata.finalizers:
        return _finalizers(pod, "its containers have ended, and " if pod.spec.node_name else "")
    if volumes:
        names = ", ".join(item.spec.source.persistent_volume_name or "" for item in volumes[:2])
        return f"its containers have ended, and volume {names} is still attached to node {pod.spec.node_name}"
    return f"the kubelet of node {pod.spec.node_name} does not report that it is gone"


def _node(view: View, pod: Pod) -> Node | None:
    found = next((view.find(ref) for ref in pods.on_node(pod)), None)
    return found if isinstance(found, Node) else None


def _running(pod: Pod) -> list[pods.Slot]:
    return [slot for slot in pods.slots(pod) if slot.status.state.running]


def _finalizers(pod: Pod, before: str = "") -> str:
    if not pod.metadata.finalizers:
        return ""
    plural = len(pod.metadata.finalizers) > 1
    names = ", ".join(pod.metadata.finalizers)
    return f"{before}finalizer{'s' if plural else ''} {names} {'are' if plural else 'is'} not removed"


def _why_it_runs(view: View, pod: Pod) -> str:
    event = evidence.newest(pods.pod_events(view, pod), *_KILLING)
    if event is None:
        return ": the kubelet or the container runtime does not end it"
    return f": {event.reason}: {event.message}"


def _attached(view: View, pod: Pod) -> list[VolumeAttachment]:
    """The volumes of its claims that are attached to its node, and that no pod there needs."""
    here = [other for other in view.pods_on.get(pod.spec.node_name, ()) if pods.alive(other)]
    shared = {ref for other in here for ref in pods.claims(view, other)}
    claims = (view.find(ref) for ref in pods.claims(view, pod) if ref not in shared)
    names = {claim.spec.volume_name for claim in claims if isinstance(claim, PersistentVolumeClaim)} - {""}
    return [
        item
        for item in view.objects.volumeattachments
        if item.spec.node_name == pod.spec.node_name and item.spec.source.persistent_volume_name in names
    ]


def _evidence(view: View, pod: Pod, since: datetime, volumes: list[VolumeAttachment]) -> Iterator[Evidence]:
    grace = pod.spec.termination_grace_period_seconds
    given = f", after {grace} s of grace" if grace is not None else ""
    yield evidence.fact(f"was to be gone{given}", since)
    if pod.metadata.finalizers:
        yield evidence.fact("finalizers: " + ", ".join(pod.metadata.finalizers))
    for slot in _running(pod):
        if running := slot.status.state.running:
            yield evidence.fact(f"{slot.title} runs", running.started_at)
    for item in volumes:
        error = item.status.detach_error
        said = f": {error.message}" if error else ""
        name = item.spec.source.persistent_volume_name
        yield evidence.fact(f"volume {name} attached to {item.spec.node_name} by {item.spec.attacher}{said}")
    if event := evidence.newest(pods.pod_events(view, pod), *_KILLING):
        yield evidence.from_event(event)
    node = _node(view, pod)
    if pod.spec.node_name and node is None:
        yield evidence.fact(f"no node {pod.spec.node_name}")
