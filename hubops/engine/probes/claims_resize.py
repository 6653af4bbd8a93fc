"""pvc-resize-stuck: claims that were made larger, and whose volumes were not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.meta import Condition, holding
from hubops.model.kube.storage import PersistentVolumeClaim, StorageClass
from hubops.model.quantity import human_bytes, size_in_bytes

#: The conditions of a resize (core/v1, PersistentVolumeClaimConditionType), those that name a cause first.
_STATES = ("ControllerResizeError", "NodeResizeError", "FileSystemResizePending", "Resizing")
#: Events of kube-controller-manager and of the driver's resizer.
_FAILED = ("VolumeResizeFailed", "FileSystemResizeFailed")
_BEGUN = ("ExternalExpanding", "Resizing")


@probe(needs=("persistentvolumeclaims",), uses=("pods", "storageclasses", "events"))
def pvc_resize_stuck(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Bound claims that ask for more than their volume has for longer than *grace*.

    The file system grows when a pod mounts the claim: one that no pod uses waits by design. Where nothing says when it
    was asked for, it was asked for before the events of the last hour.
    """
    users = _users(view)
    for claim in view.objects.persistentvolumeclaims:
        asked, has = size_in_bytes(claim.spec.resources.requests), size_in_bytes(claim.status.capacity)
        if claim.status.phase != "Bound" or claim.metadata.deletion_timestamp is not None or not 0 < has < asked:
            continue
        state = _state(claim)
        used = users.get((claim.namespace, claim.name), [])
        if state is not None and state.type == "FileSystemResizePending" and not used:
            continue
        since = state.last_transition_time if state else _asked(view, claim)
        if pods.longer_than(view, since, grace):
            sizes = f"asks for {human_bytes(asked)} and has {human_bytes(has)}"
            yield _hit(view, claim, f"{sizes}: {_reason(view, claim, state, used)}", since, used)


def _users(view: View) -> dict[tuple[str, str], list[str]]:
    """The running pods that mount a claim, by the claim."""
    found: dict[tuple[str, str], list[str]] = {}
    for pod in view.objects.pods:
        if pods.alive(pod) and pod.status.phase == "Running":
            for ref in pods.claims(view, pod):
                found.setdefault((pod.namespace, ref.name), []).append(pod.name)
    return found


def _state(claim: PersistentVolumeClaim) -> Condition | None:
    states = (holding(claim.status.conditions, kind) for kind in _STATES)
    return next((state for state in states if state is not None), None)


def _ref(claim: PersistentVolumeClaim) -> Ref:
    return Ref("PersistentVolumeClaim", claim.name, claim.namespace)


def _asked(view: View, claim: PersistentVolumeClaim) -> datetime | None:
    """When the expansion was begun, as far as an event still tells."""
    event = evidence.newest(view.events.get(_ref(claim), ()), *_BEGUN, *_FAILED)
    return (event.first_timestamp or event.event_time) if event else None


def _reason(view: View, claim: PersistentVolumeClaim, state: Condition | None, used: list[str]) -> str:
    failed = evidence.newest(view.events.get(_ref(claim), ()), *_FAILED)
    said = state.message if state and state.type.endswith("Error") else failed.message if failed else ""
    if said:
        return evidence.innermost(said)
    if state is not None and state.type == "FileSystemResizePending":
        return f"the disk has grown, its file system grows when pod {used[0]} is started again"
    found = view.find(Ref("StorageClass", claim.spec.storage_class_name or ""))
    if isinstance(found, StorageClass) and not found.allow_volume_expansion:
        return f"storage class {found.name} does not allow it any more"
    driver = found.provisioner if isinstance(found, StorageClass) else "its driver"
    return f"{driver} has begun and not finished" if state else f"no resizer of {driver} has taken it up"


def _hit(view: View, claim: PersistentVolumeClaim, summary: str, since: datetime | None, used: list[str]) -> Hit:
    details = {"claim": claim.name, "volume": claim.spec.volume_name, "pod": used[0] if used else ""}
    return Hit(
        ref=_ref(claim),
        summary=evidence.bounded(summary, 300),
        evidence=tuple(_evidence(view, claim)),
        since=since,
        details={key: value for key, value in details.items() if value},
    )


def _evidence(view: View, claim: PersistentVolumeClaim) -> Iterator[Evidence]:
    yield from (evidence.from_condition(state) for state in claim.status.conditions if state.type in _STATES)
    events = [event for event in view.events.get(_ref(claim), ()) if event.reason in {*_FAILED, *_BEGUN}]
    yield from (evidence.from_event(event) for event in events[:2])
