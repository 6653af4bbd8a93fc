"""How Velero copies the data of volumes: its DataUploads (of snapshots) and PodVolumeBackups (of files), trimmed."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import force_setattr

from hubops.model.kube.meta import Kube, Object, ObjectReference
from hubops.model.text import inert
from hubops.model.velero import BACKUP_LABEL, words

#: Phases in which nothing happens any more.
OVER = frozenset({"Completed", "Failed", "Canceled"})


class CopyStatus(Kube, frozen=True):
    phase: str = ""  # New, Accepted, Prepared, InProgress, Canceling, Canceled, Completed, Failed
    message: str = ""
    node: str = ""
    start_timestamp: datetime | None = None
    completion_timestamp: datetime | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "phase", inert(self.phase, limit=60))
        force_setattr(self, "message", words(self.message))


class UploadSpec(Kube, frozen=True):
    source_namespace: str = ""
    source_pvc: str = msgspec.field(default="", name="sourcePVC")


class PodVolumeSpec(Kube, frozen=True):
    node: str = ""
    pod: ObjectReference = ObjectReference()
    volume: str = ""
    tags: dict[str, str] = {}  # "pvc-uid" is the claim's


class _Copy(Object, frozen=True):
    status: CopyStatus = CopyStatus()

    @property
    def backup(self) -> str:
        """The label of the Backup that it is part of."""
        return self.metadata.labels.get(BACKUP_LABEL, "")

    @property
    def failed(self) -> bool:
        return self.status.phase in {"Failed", "Canceled"}

    @property
    def over(self) -> bool:
        return self.status.phase in OVER


class DataUpload(_Copy, frozen=True):
    spec: UploadSpec = UploadSpec()


class PodVolumeBackup(_Copy, frozen=True):
    spec: PodVolumeSpec = PodVolumeSpec()
