"""pv-not-reclaimed and pv-released: volumes whose claim is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref, Value
from hubops.model.kube.storage import PersistentVolume
from hubops.model.quantity import human_bytes, size_in_bytes


@probe(needs=("persistentvolumes",), uses=("events",))
def pv_not_reclaimed(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Volumes whose deletion or recycling failed, and volumes to be deleted that are still there after *grace*."""
    for item in view.objects.persistentvolumes:
        status = item.status
        released = status.phase == "Released" and item.spec.persistent_volume_reclaim_policy == "Delete"
        since = status.last_phase_transition_time
        if status.phase != "Failed" and not (released and pods.longer_than(view, _asked(item), grace)):
            continue
        events = view.events.get(Ref("PersistentVolume", item.name), ())
        failure = evidence.newest(events, "VolumeFailedDelete", "VolumeFailedRecycle")
        said = status.message or (failure.message if failure else "")
        reason = evidence.innermost(said) or f"{_driver(item)} does not say why"
        action = "be recycled" if item.spec.persistent_volume_reclaim_policy == "Recycle" else "be deleted"
        yield Hit(
            ref=Ref("PersistentVolume", item.name),
            summary=evidence.bounded(f"cannot {action} after its claim {_claim(item)} was: {reason}", 300),
            evidence=(evidence.fact(_state(item), since), *([evidence.from_event(failure)] if failure else [])),
            since=since,
            details=_details(item),
        )


def _asked(item: PersistentVolume) -> datetime | None:
    """When it was to go: when its claim was deleted, where the cluster notes that (Kubernetes 1.31 and later)."""
    return item.metadata.deletion_timestamp or item.status.last_phase_transition_time


@probe(needs=("persistentvolumes",))
def pv_released(view: View, *, kept: timedelta) -> Iterator[Hit]:
    """Volumes that keep the data of a claim that was deleted longer than *kept* ago, by storage class."""
    by_class: dict[str, list[PersistentVolume]] = defaultdict(list)
    for item in view.objects.persistentvolumes:
        retained = item.status.phase == "Released" and item.spec.persistent_volume_reclaim_policy == "Retain"
        deleting = item.metadata.deletion_timestamp is not None
        if retained and not deleting and pods.longer_than(view, item.status.last_phase_transition_time, kept):
            by_class[item.spec.storage_class_name].append(item)
    for name, items in by_class.items():
        ref = Ref("StorageClass", name) if name else Ref("Cluster", view.snapshot.cluster)
        size = sum(size_in_bytes(item.spec.capacity) for item in items)
        several = f"{len(items)} volumes keep" if len(items) > 1 else "1 volume keeps"
        for item in items:
            yield Hit(
                ref=ref,
                summary=f"{several} the data of deleted claims, {human_bytes(size)} in all",
                evidence=(evidence.fact(f"{item.name}: {_state(item)}", item.status.last_phase_transition_time),),
                value=Value(size, "bytes"),
                since=item.status.last_phase_transition_time,
                details=_details(item),
                example=item.name,
            )


def _claim(item: PersistentVolume) -> str:
    holder = item.spec.claim_ref
    return f"{holder.namespace}/{holder.name}" if holder else "(none)"


def _driver(item: PersistentVolume) -> str:
    return item.spec.csi.driver if item.spec.csi else "its provisioner"


def _state(item: PersistentVolume) -> str:
    size, policy = item.spec.capacity.get("storage", "no size"), item.spec.persistent_volume_reclaim_policy
    said = f": {item.status.message}" if item.status.message else ""
    return f"{size}, {item.status.phase}, reclaim policy {policy}, last claim {_claim(item)}{said}"


def _details(item: PersistentVolume) -> dict[str, str]:
    found = {"volume": item.name, "storageclass": item.spec.storage_class_name}
    return {key: value for key, value in found.items() if value}
