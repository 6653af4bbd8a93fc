"""Volumes and what is said of them gone wrong: kept, stuck, unmeasured, unsaved, too small."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.testbed.api import Object, now
from tests.testbed.faults.base import Expected, Fault, older, pods, remove
from tests.testbed.faults.scaling import Standing
from tests.testbed.objects import claim, meta, stateful_set, volume, volumes_of
from tests.testbed.process import poll

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

WEEKS = dt.timedelta(days=20)
_DRIVER = "ebs.csi.aws.com"


@dataclass(frozen=True)
class ReleasedVolume(Fault):
    """A claim is deleted, and the real controller releases its volume; no driver is here to delete it."""

    claim_name: str
    policy: str

    @property
    def volume(self) -> Object:
        made = volume("data", self.claim_name, "20Gi")
        made["spec"]["persistentVolumeReclaimPolicy"] = self.policy
        return made

    def inject(self, bed: Testbed) -> None:
        name, made = self.volume["metadata"]["name"], claim("data", self.claim_name, "20Gi")

        def phase(wanted: str) -> bool:
            found = bed.api.get("PersistentVolume", None, name)
            return bool(found and found.get("status", {}).get("phase") == wanted)

        bed.api.apply(self.volume)
        bed.api.apply(made)
        poll(lambda: phase("Bound"), f"{name} bound")
        remove(bed, made)
        poll(lambda: phase("Released"), f"{name} released")
        bed.backdate(WEEKS, f"/registry/persistentvolumes/{name}")

    def clear(self, bed: Testbed) -> None:
        remove(bed, claim("data", self.claim_name, "20Gi"), self.volume)


@dataclass(frozen=True)
class UnmeasuredVolume(Fault):
    """A workload of its own, whose claim has been mounted for hours and is measured by no kubelet."""

    app: str

    @property
    def workload(self) -> Object:
        return stateful_set("data", self.app, "docker.io/library/mongo:8.0.3", 1, "20Gi", self.expect.name)

    def inject(self, bed: Testbed) -> None:
        for obj in [*volumes_of(self.workload), self.workload]:
            bed.api.apply(obj)

        def running() -> bool:
            return any(pod["status"].get("startTime") for pod in pods(bed, "data", self.app))

        poll(running, f"{self.app} runs")
        older(bed, "data", self.app, dt.timedelta(hours=3))

    def clear(self, bed: Testbed) -> None:
        remove(bed, self.workload)
        remove(bed, claim("data", f"data-{self.app}-0", "20Gi"), *volumes_of(self.workload))


@dataclass(frozen=True)
class ResizeRefused(Fault):
    """A claim is made larger, and the driver's resizer is refused by the storage system."""

    message: str

    @property
    def _objects(self) -> tuple[Object, Object]:
        name = self.expect.name
        return claim("data", name, "20Gi"), volume("data", name, "20Gi")

    def inject(self, bed: Testbed) -> None:
        made, disk = self._objects
        bed.api.apply(disk)
        bed.api.apply(made)

        def bound() -> bool:
            found = bed.api.get("PersistentVolumeClaim", "data", self.expect.name)
            return bool(found and found["status"].get("phase") == "Bound")

        poll(bound, f"{self.expect.name} bound")
        bed.api.patch(made, {"spec": {"resources": {"requests": {"storage": "40Gi"}}}})
        state = {
            "type": "ControllerResizeError",
            "status": "True",
            "message": self.message,
            "lastTransitionTime": now(),
        }
        bed.api.set_status(made, {"conditions": [state]})
        bed.backdate(dt.timedelta(hours=3), f"/registry/persistentvolumeclaims/data/{self.expect.name}")

    def clear(self, bed: Testbed) -> None:
        remove(bed, *self._objects)


_ATTACHMENT: Object = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "VolumeAttachment",
    "metadata": meta(None, "csi-1f0c"),
    "spec": {
        "attacher": _DRIVER,
        "nodeName": "worker-1",
        "source": {"persistentVolumeName": "pvc-data-data-redis-0"},
    },
    "status": {
        "attached": False,
        "attachError": {
            "time": now(),
            "message": "rpc error: code = Internal desc = AttachmentLimitExceeded: node has 25 disks",
        },
    },
}
_SNAPSHOT: Object = {
    "apiVersion": "snapshot.storage.k8s.io/v1",
    "kind": "VolumeSnapshot",
    "metadata": meta("payments", "postgres-nightly"),
    "spec": {"source": {"persistentVolumeClaimName": "data-postgres-0"}, "volumeSnapshotClassName": "ebs"},
    "status": {
        "readyToUse": False,
        "error": {
            "time": now(),
            "message": "failed to take snapshot: rpc error: code = Internal desc = quota exceeded",
        },
    },
}
_SECOND_DEFAULT: Object = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": meta(None, "gp2", annotations={"storageclass.kubernetes.io/is-default-class": "true"}),
    "provisioner": _DRIVER,
}

FAULTS: tuple[Fault, ...] = (
    ReleasedVolume(
        "pv-released",
        Expected("pv-released", "StorageClass", None, "fast-ssd", "pvc-data-old-orders"),
        (),
        "old-orders",
        "Retain",
    ),
    ReleasedVolume(
        "pv-not-reclaimed",
        Expected("pv-not-reclaimed", "PersistentVolume", None, "pvc-data-old-carts", "data/old-carts"),
        (),
        "old-carts",
        "Delete",
    ),
    Standing(
        "volume-attachment-stuck",
        Expected("volume-attachment-stuck", "PersistentVolumeClaim", "data", "data-redis-0", "AttachmentLimitExceeded"),
        (),
        "volumeattachments",
        (_ATTACHMENT,),
    ),
    UnmeasuredVolume(
        "volume-metrics-missing",
        Expected("volume-metrics-missing", "StorageClass", None, "fast-ssd", "data/data-profiles-0"),
        (),
        "profiles",
    ),
    Standing(
        "volume-snapshot-not-ready",
        Expected("volume-snapshot-not-ready", "PersistentVolumeClaim", "payments", "data-postgres-0", "quota exceeded"),
        (),
        "snapshot.storage.k8s.io/volumesnapshots",
        (_SNAPSHOT,),
    ),
    Standing(
        "storage-class-default",
        Expected("storage-class-default", "Cluster", None, "testbed", "gp2, the newest"),
        (),
        "storageclasses",
        (_SECOND_DEFAULT,),
    ),
    ResizeRefused(
        "pvc-resize-stuck",
        Expected("pvc-resize-stuck", "PersistentVolumeClaim", "data", "growing", "VolumeModificationRateExceeded"),
        (),
        "rpc error: code = Internal desc = VolumeModificationRateExceeded: wait at least 6 hours",
    ),
)
