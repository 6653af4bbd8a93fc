"""core/v1 claims and volumes, storage.k8s.io/v1 classes and attachments."""

from __future__ import annotations

from datetime import datetime

from hubops.model.kube.core import ResourceRequirements
from hubops.model.kube.meta import Condition, Kube, Object, ObjectReference, Quantity


class PersistentVolumeClaimSpec(Kube, frozen=True):
    access_modes: tuple[str, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    volume_name: str = ""
    storage_class_name: str | None = None
    volume_mode: str | None = None


class PersistentVolumeClaimStatus(Kube, frozen=True):
    phase: str = ""
    capacity: dict[str, Quantity] = {}
    conditions: tuple[Condition, ...] = ()


class PersistentVolumeClaim(Object, frozen=True):
    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()
    status: PersistentVolumeClaimStatus = PersistentVolumeClaimStatus()


class CSIPersistentVolumeSource(Kube, frozen=True):
    driver: str = ""


class PersistentVolumeSpec(Kube, frozen=True):
    capacity: dict[str, Quantity] = {}
    access_modes: tuple[str, ...] = ()
    claim_ref: ObjectReference | None = None
    persistent_volume_reclaim_policy: str = ""
    storage_class_name: str = ""
    csi: CSIPersistentVolumeSource | None = None


class PersistentVolumeStatus(Kube, frozen=True):
    phase: str = ""
    reason: str = ""
    message: str = ""
    last_phase_transition_time: datetime | None = None


class PersistentVolume(Object, frozen=True):
    spec: PersistentVolumeSpec = PersistentVolumeSpec()
    status: PersistentVolumeStatus = PersistentVolumeStatus()


class StorageClass(Object, frozen=True):
    provisioner: str = ""
    reclaim_policy: str | None = None
    volume_binding_mode: str | None = None
    allow_volume_expansion: bool | None = None


class VolumeAttachmentSource(Kube, frozen=True):
    persistent_volume_name: str | None = None


class VolumeAttachmentSpec(Kube, frozen=True):
    attacher: str = ""
    node_name: str = ""
    source: VolumeAttachmentSource = VolumeAttachmentSource()


class VolumeError(Kube, frozen=True):
    time: datetime | None = None
    message: str = ""


class VolumeAttachmentStatus(Kube, frozen=True):
    attached: bool = False
    attach_error: VolumeError | None = None
    detach_error: VolumeError | None = None


class VolumeAttachment(Object, frozen=True):
    spec: VolumeAttachmentSpec = VolumeAttachmentSpec()
    status: VolumeAttachmentStatus = VolumeAttachmentStatus()
