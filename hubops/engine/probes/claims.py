"""pvc-pending: claims that get no volume, or have lost theirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Event
from hubops.model.kube.storage import PersistentVolume, PersistentVolumeClaim, StorageClass

_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_SELECTED_NODE = "volume.kubernetes.io/selected-node"


@probe(needs=("persistentvolumeclaims", "storageclasses"), uses=("persistentvolumes", "events"))
def pvc_pending(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Claims in phase Pending for longer than *grace*, and claims in phase Lost at once.

    A claim whose class waits for its first consumer is left out until the scheduler has chosen a node for that
    consumer: before that it waits for the pod, and not the pod for it.
    """
    for claim in view.objects.persistentvolumeclaims:
        if claim.metadata.deletion_timestamp is not None:
            continue
        if claim.status.phase == "Lost":
            yield _hit(view, claim, "has lost its volume: the data on it is gone or unreachable", critical=True)
        if claim.status.phase != "Pending" or _waits_for_consumer(view, claim):
            continue
        if pods.longer_than(view, claim.metadata.creation_timestamp, grace):
            yield _hit(view, claim, evidence.bounded(_reason(view, claim), 240))


def _events(view: View, claim: PersistentVolumeClaim) -> tuple[Event, ...]:
    return view.events.get(_ref(claim), ())


def _ref(claim: PersistentVolumeClaim) -> Ref:
    return Ref("PersistentVolumeClaim", claim.name, claim.namespace)


def _cluster(view: View) -> Ref:
    return Ref("Cluster", view.snapshot.cluster)


def _class(view: View, claim: PersistentVolumeClaim) -> StorageClass | None:
    found = view.find(Ref("StorageClass", claim.spec.storage_class_name or ""))
    return found if isinstance(found, StorageClass) else None


def _waits_for_consumer(view: View, claim: PersistentVolumeClaim) -> bool:
    found = _class(view, claim)
    if found is None or found.volume_binding_mode != "WaitForFirstConsumer":
        return False
    chosen = _SELECTED_NODE in claim.metadata.annotations or bool(claim.spec.volume_name)
    return not chosen and evidence.newest(_events(view, claim), "ProvisioningFailed") is None


def _reason(view: View, claim: PersistentVolumeClaim) -> str:
    name, found = claim.spec.storage_class_name, _class(view, claim)
    if claim.spec.volume_name:
        return _reserved(view, claim)
    if name is None:
        return (
            "asks for no storage class, and the cluster has no default one"
            if not default_classes(view)
            else ("was made before the cluster had a default storage class")
        )
    if name and found is None:
        return f"storage class {name} does not exist" + (_static(view, claim) if _volumes(view, name) else "")
    if found is None or found.provisioner == "kubernetes.io/no-provisioner":
        return "no volume fits it" + _static(view, claim)
    last = evidence.newest(_events(view, claim), "ProvisioningFailed", "Provisioning")
    if last is None:
        return f"provisioner {found.provisioner} does not answer"
    if last.reason == "ProvisioningFailed":
        return f"provisioner {found.provisioner} fails: {evidence.innermost(last.message)}"
    return f"provisioner {found.provisioner} has begun and not finished"


def _reserved(view: View, claim: PersistentVolumeClaim) -> str:
    volume = view.find(Ref("PersistentVolume", claim.spec.volume_name))
    if not isinstance(volume, PersistentVolume):
        return f"asks for volume {claim.spec.volume_name}, which does not exist"
    holder = volume.spec.claim_ref
    if holder is not None and (holder.namespace, holder.name) != (claim.namespace, claim.name):
        return f"asks for volume {volume.name}, which is claimed by {holder.namespace}/{holder.name}"
    return f"asks for volume {volume.name}, which is {volume.status.phase or 'not bound'}{_offer(volume)}"


def default_classes(view: View) -> list[StorageClass]:
    """The storage classes that claims without one may get, first the one that they do get: the newest, then by name."""
    found = [
        item
        for item in view.objects.storageclasses
        if any(item.metadata.annotations.get(key) == "true" for key in _DEFAULT_CLASS)
    ]
    by_name = sorted(found, key=lambda item: item.name)
    return sorted(by_name, key=lambda item: item.metadata.creation_timestamp or view.now, reverse=True)


def _volumes(view: View, name: str) -> list[PersistentVolume]:
    return [volume for volume in view.objects.persistentvolumes if volume.spec.storage_class_name == name]


def _static(view: View, claim: PersistentVolumeClaim) -> str:
    """Why none of the volumes of its class will do, where volumes are made by hand."""
    of_class = _volumes(view, claim.spec.storage_class_name or "")
    free = [volume for volume in of_class if volume.status.phase == "Available"]
    asked = f"asks {_size(claim)}, {', '.join(claim.spec.access_modes) or 'no access mode'}"
    if not free:
        return f" ({asked}; {len(of_class)} volumes of its class, none of them free)"
    return f" ({asked}; nearest is {free[0].name}{_offer(free[0])})"


def _offer(volume: PersistentVolume) -> str:
    size, modes = volume.spec.capacity.get("storage", "unknown"), ", ".join(volume.spec.access_modes)
    return f" with {size}, {modes or 'no access mode'}"


def _size(claim: PersistentVolumeClaim) -> str:
    return claim.spec.resources.requests.get("storage", "no size")


def _hit(view: View, claim: PersistentVolumeClaim, summary: str, *, critical: bool = False) -> Hit:
    found = {"claim": claim.name, "storageclass": claim.spec.storage_class_name, "volume": claim.spec.volume_name}
    return Hit(
        ref=_ref(claim),
        summary=summary,
        evidence=tuple(_evidence(view, claim)),
        since=claim.metadata.creation_timestamp if not critical else None,
        severity="critical" if critical else None,
        depends_on=() if default_classes(view) or claim.spec.storage_class_name is not None else (_cluster(view),),
        details={key: value for key, value in found.items() if value},
    )


def _evidence(view: View, claim: PersistentVolumeClaim) -> Iterator[Evidence]:
    modes = ", ".join(claim.spec.access_modes)
    named = claim.spec.storage_class_name
    shown = "none" if named is None else f'"{named}"'
    yield evidence.fact(f"asks for {_size(claim)}, {modes}, storage class {shown}", claim.metadata.creation_timestamp)
    yield from (evidence.from_event(event) for event in _events(view, claim)[:2])
