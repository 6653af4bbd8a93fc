"""volume-attachment-stuck: disks that do not come to the node that needs them, or do not leave one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.readiness import node_ready
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Event, Node
from hubops.model.kube.storage import PersistentVolume, VolumeAttachment

#: The attach controller's event about a disk that another node has (pkg/controller/volume/attachdetach/reconciler).
_MULTI_ATTACH = re.compile(r'Multi-Attach error for volume "([^"]+)"')


@probe(
    needs=("volumeattachments", "persistentvolumes", "nodes"),
    uses=("pods", "persistentvolumeclaims", "events"),
)
def volume_attachment_stuck(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Disks that for longer than *grace* could not be attached or detached, or stay attached to a node that is gone.

    And disks that a pod waits for because another node has them. All are told of the claim: that is what pods wait for.
    """
    held: set[str] = set()
    for item in view.objects.volumeattachments:
        hit = _stuck(view, item, grace)
        if hit is not None:
            held.add(item.spec.source.persistent_volume_name or "")
            yield hit
    for volume, event in _multi_attached(view, grace).items():
        if volume not in held:
            yield _elsewhere(view, volume, event)


def _stuck(view: View, item: VolumeAttachment, grace: timedelta) -> Hit | None:
    node, status, driver = item.spec.node_name, item.status, item.spec.attacher
    gone = view.find(Ref("Node", node)) is None
    leaving = item.metadata.deletion_timestamp
    if leaving is not None:
        if not pods.longer_than(view, leaving, grace):
            return None
        said = status.detach_error.message if status.detach_error else ""
        return _hit(view, item, f"cannot be detached from node {_named(node, gone)}: {_cause(said, driver)}", leaving)
    if gone and pods.longer_than(view, item.metadata.creation_timestamp, grace):
        return _hit(view, item, f"is still attached to node {node}, which is gone", None)
    if status.attached or not pods.longer_than(view, item.metadata.creation_timestamp, grace):
        return None
    said = status.attach_error.message if status.attach_error else ""
    return _hit(
        view, item, f"cannot be attached to node {node}: {_cause(said, driver)}", item.metadata.creation_timestamp
    )


def _named(node: str, gone: bool) -> str:
    return f"{node}, which is gone" if gone else node


def _cause(message: str, driver: str) -> str:
    return evidence.innermost(message) or f"driver {driver} does not answer"


def _claim(view: View, name: str) -> Ref:
    """The claim that the volume *name* belongs to; the volume itself where it has none."""
    volume = view.find(Ref("PersistentVolume", name))
    holder = volume.spec.claim_ref if isinstance(volume, PersistentVolume) else None
    return Ref("PersistentVolumeClaim", holder.name, holder.namespace) if holder else Ref("PersistentVolume", name)


def _hit(view: View, item: VolumeAttachment, words: str, since: datetime | None) -> Hit:
    volume = item.spec.source.persistent_volume_name or ""
    # A volume that its pod brings along (an inline CSI volume) has no name of its own.
    ref = _claim(view, volume) if volume else Ref("VolumeAttachment", item.name)
    details = {"node": item.spec.node_name, "volume": volume}
    details |= {"claim": ref.name} if ref.kind == "PersistentVolumeClaim" else {}
    return Hit(
        ref=ref,
        summary=evidence.bounded(words, 300),
        evidence=tuple(_evidence(item)),
        since=since,
        depends_on=(Ref("Node", item.spec.node_name),),
        details={key: value for key, value in details.items() if value},
    )


def _evidence(item: VolumeAttachment) -> Iterator[Evidence]:
    status, state = item.status, "attached" if item.status.attached else "not attached"
    leaving = ", being deleted" if item.metadata.deletion_timestamp else ""
    text = f"VolumeAttachment {item.name} by {item.spec.attacher}: {state} to {item.spec.node_name}{leaving}"
    yield evidence.fact(text, item.metadata.deletion_timestamp or item.metadata.creation_timestamp)
    for name, error in (("attachError", status.attach_error), ("detachError", status.detach_error)):
        if error is not None:
            yield evidence.fact(f"{name}: {error.message}", error.time)


def _multi_attached(view: View, grace: timedelta) -> dict[str, Event]:
    """The volumes that pods wait for because another node has them, with the newest event of one such pod."""
    found: dict[str, Event] = {}
    for pod in filter(pods.alive, view.objects.pods):
        since = pods.placed_since(pod)
        if pod.status.phase != "Pending" or not pod.spec.node_name or not pods.longer_than(view, since, grace):
            continue
        event = evidence.newest(pods.pod_events(view, pod), "FailedAttachVolume", containing="Multi-Attach")
        if event is not None and (named := _MULTI_ATTACH.search(event.message)):
            found.setdefault(named[1], event)
    return found


def _elsewhere(view: View, volume: str, event: Event) -> Hit:
    ref = _claim(view, volume)
    holders = sorted(
        item.spec.node_name
        for item in view.objects.volumeattachments
        if item.spec.source.persistent_volume_name == volume and item.status.attached
    )
    where = ", ".join(_state(view, node) for node in holders) or "another node"
    about = event.involved_object
    return Hit(
        ref=ref,
        summary=evidence.bounded(f"is held by {where}, and pod {about.name} on another node waits for it", 300),
        evidence=(evidence.from_event(event),),
        since=event.first_timestamp or event.event_time,
        depends_on=tuple(Ref("Node", node) for node in holders),
        details={"volume": volume, "pod": about.name}
        | ({"claim": ref.name} if ref.kind == "PersistentVolumeClaim" else {})
        | ({"node": holders[0]} if holders else {}),
    )


def _state(view: View, node: str) -> str:
    """The node, and whether anything there could still let go of the disk."""
    found = view.find(Ref("Node", node))
    if not isinstance(found, Node):
        return f"node {node}, which is gone"
    return f"node {node}" if node_ready(found) else f"node {node}, which is not ready"
