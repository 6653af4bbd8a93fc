"""Velero's own resources as hubops reads them (velero.io/v1), and what its files in the object store hold.

The words of Velero and of those that it talks to come from anybody: they are inert from here on. Names, labels and
namespaces are as the API server checked them.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import force_setattr

from hubops.model.kube.meta import Kube, LabelSelector, Object
from hubops.model.text import inert, redact

API = "velero.io/v1"

#: Labels that Velero puts on what it makes; a name of more than 63 characters is cut there (`label_value`).
BACKUP_LABEL, BACKUP_UID_LABEL = "velero.io/backup-name", "velero.io/backup-uid"
SCHEDULE_LABEL, LOCATION_LABEL = "velero.io/schedule-name", "velero.io/storage-location"
RESTORE_LABEL = "velero.io/restore-name"
#: Label of an object that no backup is to hold, where it is "true".
EXCLUDED_LABEL = "velero.io/exclude-from-backup"

#: A Backup or Restore in one of these phases does not change any more, but for its deletion.
ENDED = frozenset({"Completed", "PartiallyFailed", "Failed", "FailedValidation"})
#: Phases in which a server has not begun with it; those of NEW are also those in which no server has looked at it. One
#: restore is New while another is under way, and so is one backup of a Velero before 1.18.
WAITING = frozenset({"", "New", "Queued", "ReadyToStart"})
NEW = frozenset({"", "New"})

#: What can be downloaded; all but BackupContents (a tar, gzipped) are text or JSON, gzipped.
BackupFile = Literal[
    "BackupLog", "BackupContents", "BackupResults", "BackupResourceList", "BackupVolumeInfos",
    "BackupVolumeSnapshots", "BackupItemOperations", "CSIBackupVolumeSnapshots", "CSIBackupVolumeSnapshotContents",
]  # fmt: skip
RestoreFile = Literal[
    "RestoreLog", "RestoreResults", "RestoreResourceList", "RestoreItemOperations", "RestoreVolumeInfo"
]
File = BackupFile | RestoreFile

_WORDS = 1000  # characters of one message


def words(message: str, limit: int = _WORDS) -> str:
    """A message of Velero on one line, without what looks like a credential."""
    return inert(redact(message.strip()), limit=limit)


def label_value(name: str) -> str:
    """*name* as Velero writes it into labels: longer ones are cut and end with a digest."""
    return name if len(name) <= 63 else name[:57] + hashlib.sha256(name.encode()).hexdigest()[:6]


class Progress(Kube, frozen=True):
    total_items: int = 0
    items_backed_up: int = 0
    items_restored: int = 0

    @property
    def done(self) -> int:
        return self.items_backed_up or self.items_restored


class HookStatus(Kube, frozen=True):
    hooks_attempted: int = 0
    hooks_failed: int = 0


class BackupSpec(Kube, frozen=True):
    """What a backup is to hold. Empty and "*" both mean everything, but for cluster-scoped kinds."""

    included_namespaces: tuple[str, ...] = ()
    excluded_namespaces: tuple[str, ...] = ()
    included_resources: tuple[str, ...] = ()
    excluded_resources: tuple[str, ...] = ()
    included_cluster_scoped_resources: tuple[str, ...] = ()
    excluded_cluster_scoped_resources: tuple[str, ...] = ()
    included_namespace_scoped_resources: tuple[str, ...] = ()
    excluded_namespace_scoped_resources: tuple[str, ...] = ()
    label_selector: LabelSelector | None = None
    or_label_selectors: tuple[LabelSelector, ...] = ()
    include_cluster_resources: bool | None = None  # None: those that what is backed up refers to
    snapshot_volumes: bool | None = None
    snapshot_move_data: bool | None = None
    default_volumes_to_fs_backup: bool | None = None
    resource_policy: dict[str, Any] | None = None
    storage_location: str = ""
    volume_snapshot_locations: tuple[str, ...] = ()
    ttl: str = ""  # as Go writes durations: 720h0m0s


class Status(Kube, frozen=True):
    """What the statuses of Backups and Restores have in common. `errors` and `warnings` are counts."""

    phase: str = ""
    validation_errors: tuple[str, ...] = ()
    failure_reason: str = ""
    start_timestamp: datetime | None = None
    completion_timestamp: datetime | None = None
    warnings: int = 0
    errors: int = 0
    progress: Progress | None = None
    hook_status: HookStatus | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "phase", inert(self.phase, limit=60))
        force_setattr(self, "failure_reason", words(self.failure_reason))
        force_setattr(self, "validation_errors", tuple(words(each) for each in self.validation_errors))


class BackupStatus(Status, frozen=True):
    expiration: datetime | None = None
    format_version: str = ""
    queue_position: int = 0
    volume_snapshots_attempted: int = 0
    volume_snapshots_completed: int = 0
    csi_volume_snapshots_attempted: int = 0
    csi_volume_snapshots_completed: int = 0
    backup_item_operations_attempted: int = 0
    backup_item_operations_completed: int = 0
    backup_item_operations_failed: int = 0


class Backup(Object, frozen=True):
    spec: BackupSpec = BackupSpec()
    status: BackupStatus = BackupStatus()

    @property
    def schedule(self) -> str | None:
        """The Schedule that made it, as its label says it: cut where the name is longer than 63 characters."""
        return self.metadata.labels.get(SCHEDULE_LABEL) or None

    @property
    def phase(self) -> str:
        return self.status.phase

    @property
    def ended(self) -> bool:
        return self.phase in ENDED


class RestoreSpec(Kube, frozen=True):
    backup_name: str = ""
    schedule_name: str = ""
    included_namespaces: tuple[str, ...] = ()
    excluded_namespaces: tuple[str, ...] = ()
    included_resources: tuple[str, ...] = ()
    excluded_resources: tuple[str, ...] = ()
    namespace_mapping: dict[str, str] = {}
    include_cluster_resources: bool | None = None
    restore_pvs: bool | None = msgspec.field(default=None, name="restorePVs")
    existing_resource_policy: str = ""
    resource_modifier: dict[str, Any] | None = None


class RestoreStatus(Status, frozen=True):
    restore_item_operations_attempted: int = 0
    restore_item_operations_completed: int = 0
    restore_item_operations_failed: int = 0


class Restore(Object, frozen=True):
    spec: RestoreSpec = RestoreSpec()
    status: RestoreStatus = RestoreStatus()

    @property
    def phase(self) -> str:
        return self.status.phase

    @property
    def ended(self) -> bool:
        return self.phase in ENDED


class ScheduleSpec(Kube, frozen=True):
    schedule: str = ""  # cron, by the server's clock (UTC), or CRON_TZ=… before it, or @daily, @every 6h
    template: dict[str, Any] = {}  # as it is written, to make a Backup of; `Schedule.backup` is the same, typed
    paused: bool = False
    skip_immediately: bool | None = None
    use_owner_references_in_backup: bool | None = None


class ScheduleStatus(Kube, frozen=True):
    phase: str = ""  # New, Enabled, FailedValidation; a paused one keeps it
    last_backup: datetime | None = None
    last_skipped: datetime | None = None
    validation_errors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        force_setattr(self, "phase", inert(self.phase, limit=60))
        force_setattr(self, "validation_errors", tuple(words(each) for each in self.validation_errors))


class Schedule(Object, frozen=True):
    spec: ScheduleSpec = ScheduleSpec()
    status: ScheduleStatus = ScheduleStatus()

    @property
    def backup(self) -> BackupSpec:
        """What its backups are to hold. Raises msgspec.ValidationError for a template that is none."""
        return msgspec.convert(self.spec.template, BackupSpec)


class SecretKey(Kube, frozen=True):
    """Where a Secret has something: never the thing itself."""

    name: str = ""
    key: str = ""


class ObjectStorage(Kube, frozen=True):
    bucket: str = ""
    prefix: str = ""
    ca_cert: bytes = b""  # a PEM bundle
    ca_cert_ref: SecretKey | None = None


class LocationSpec(Kube, frozen=True):
    provider: str = ""
    object_storage: ObjectStorage | None = None
    config: dict[str, str] = {}
    default: bool = False
    access_mode: str = ""  # ReadWrite (also when empty), ReadOnly
    backup_sync_period: str = ""
    validation_frequency: str = ""


class LocationStatus(Kube, frozen=True):
    phase: str = ""  # Available, Unavailable; empty: not looked at yet
    last_synced_time: datetime | None = None
    last_validation_time: datetime | None = None
    message: str = ""

    def __post_init__(self) -> None:
        force_setattr(self, "phase", inert(self.phase, limit=60))
        force_setattr(self, "message", words(self.message))


class Location(Object, frozen=True):
    """A BackupStorageLocation."""

    spec: LocationSpec = LocationSpec()
    status: LocationStatus = LocationStatus()

    @property
    def available(self) -> bool:
        return self.status.phase == "Available"

    @property
    def read_only(self) -> bool:
        return self.spec.access_mode == "ReadOnly"


class DeletionSpec(Kube, frozen=True):
    backup_name: str = ""


class DeletionStatus(Kube, frozen=True):
    phase: str = ""  # New, InProgress, Processed: with errors, or about to go
    errors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        force_setattr(self, "phase", inert(self.phase, limit=60))
        force_setattr(self, "errors", tuple(words(each) for each in self.errors))


class Deletion(Object, frozen=True):
    """A DeleteBackupRequest."""

    spec: DeletionSpec = DeletionSpec()
    status: DeletionStatus = DeletionStatus()


class ServerStatus(Kube, frozen=True):
    """What a server said of itself."""

    phase: str = ""
    server_version: str = ""

    def __post_init__(self) -> None:
        force_setattr(self, "server_version", inert(self.server_version, limit=60))


class Result(Kube, frozen=True):
    """Messages of a backup or restore: of Velero itself, of cluster-scoped objects, of those in each namespace."""

    velero: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    namespaces: dict[str, tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        force_setattr(self, "velero", tuple(words(each) for each in self.velero))
        force_setattr(self, "cluster", tuple(words(each) for each in self.cluster))
        inerted = {words(key): tuple(words(each) for each in said) for key, said in self.namespaces.items()}
        force_setattr(self, "namespaces", inerted)

    @property
    def all(self) -> tuple[str, ...]:
        """Every message, those of a namespace with its name before them unless they name it themselves."""
        within = (
            each if namespace in each else f"{namespace}: {each}"
            for namespace, said in self.namespaces.items()
            for each in said
        )
        return (*self.velero, *self.cluster, *within)


class Results(Kube, frozen=True):
    """The file of a backup's or restore's errors and warnings."""

    errors: Result = Result()
    warnings: Result = Result()


class VolumeInfo(Kube, frozen=True):
    """How one volume was backed up, or why it was not."""

    pvc_name: str = ""
    pvc_namespace: str = ""
    pv_name: str = ""
    backup_method: str = ""  # NativeSnapshot, CSISnapshot, PodVolumeBackup
    snapshot_data_moved: bool = False
    skipped: bool = False
    skipped_reason: str = ""
    result: str = ""  # succeeded, failed

    def __post_init__(self) -> None:
        force_setattr(self, "skipped_reason", words(self.skipped_reason))


#: The kinds that `hubops.clients.velero` reads, as the API names them.
KINDS: dict[type[Object], str] = {
    Backup: "Backup",
    Restore: "Restore",
    Schedule: "Schedule",
    Location: "BackupStorageLocation",
    Deletion: "DeleteBackupRequest",
}
