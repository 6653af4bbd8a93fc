"""Velero's resources as probes look at them: the schedules of each server, with their backups, the newest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from hubops.engine.probe import Undecided
from hubops.engine.probes import evidence
from hubops.engine.probes.journal import CLOCKS
from hubops.engine.view import View
from hubops.model.finding import Evidence, Ref
from hubops.model.kube.meta import Object
from hubops.model.quantity import parse_duration
from hubops.model.velero import LOCATION_LABEL, Backup, BackupSpec, Deletion, Location, Restore, Schedule, label_value

BACKUPS, SCHEDULES, RESTORES = "backups.velero.io", "schedules.velero.io", "restores.velero.io"
LOCATIONS, DELETIONS = "backupstoragelocations.velero.io", "deletebackuprequests.velero.io"
UPLOADS, POD_VOLUMES = "datauploads.velero.io", "podvolumebackups.velero.io"
#: The Deployment of the server: Velero itself asks for it by this name.
SERVER = "velero"
#: What a backup's time to live is where nobody says one (velero server --default-backup-ttl).
TTL = timedelta(days=30)
FAILED = frozenset({"Failed", "PartiallyFailed", "FailedValidation"})

_SPEC = (
    "includedNamespaces", "excludedNamespaces", "includedResources", "excludedResources",
    "includedClusterScopedResources", "excludedClusterScopedResources", "includedNamespaceScopedResources",
    "excludedNamespaceScopedResources", "labelSelector", "orLabelSelectors", "includeClusterResources",
    "storageLocation", "ttl",
)  # fmt: skip
_STATUS = (
    "phase", "validationErrors", "failureReason", "startTimestamp", "completionTimestamp", "warnings", "errors",
    "progress", "hookStatus", "expiration", "volumeSnapshotsAttempted", "volumeSnapshotsCompleted",
    "csiVolumeSnapshotsAttempted", "csiVolumeSnapshotsCompleted", "backupItemOperationsAttempted",
    "backupItemOperationsCompleted", "backupItemOperationsFailed",
)  # fmt: skip
_COPY = ("status.phase", "status.message", "status.node", "status.startTimestamp", "status.completionTimestamp")
#: Of a resource's spec only what is looked at: hooks are commands, and may hold what nobody is to see.
FIELDS: dict[str, tuple[str, ...]] = {
    BACKUPS: (*(f"spec.{name}" for name in _SPEC), *(f"status.{name}" for name in _STATUS)),
    SCHEDULES: (
        "spec.schedule", "spec.paused", *(f"spec.template.{name}" for name in _SPEC),
        "status.phase", "status.lastBackup", "status.lastSkipped", "status.validationErrors",
    ),
    RESTORES: ("spec.backupName", "spec.scheduleName", "status.phase", "status.completionTimestamp"),
    LOCATIONS: (
        "spec.default", "spec.accessMode", "spec.validationFrequency", "spec.provider", "spec.objectStorage.bucket",
        "spec.objectStorage.prefix", "status.phase", "status.message", "status.lastValidationTime",
        "status.lastSyncedTime",
    ),
    DELETIONS: ("spec.backupName", "status.phase", "status.errors"),
    UPLOADS: ("spec.sourceNamespace", "spec.sourcePVC", *_COPY),
    POD_VOLUMES: ("spec.node", "spec.pod", "spec.volume", "spec.tags", *_COPY),
}  # fmt: skip

T = TypeVar("T", bound=Object)


def fields(*names: str) -> dict[str, tuple[str, ...]]:
    """What is read of the resources *names*, for `probe`."""
    return {name: FIELDS[name] for name in names}


class Resources:
    """Velero's resources of a snapshot, those in deletion left out.

    One that is not as its definition says makes a probe unknown, once it has said all about the others: `doubt`.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self._doubts: list[str] = []

    def read(self, name: str, of: type[T]) -> tuple[T, ...]:
        """Those of the evidence *name*."""
        found: list[T] = []
        for item in self.view.snapshot.custom.get(name, ()):
            try:
                one = msgspec.convert(_without_nulls(item), of)
            except msgspec.ValidationError as error:
                self.cannot(f"one of {name} cannot be read: {error}")
                continue
            if one.metadata.deletion_timestamp is None:
                found.append(one)
        return tuple(found)

    def cannot(self, reason: str) -> None:
        """Note something that cannot be decided."""
        self._doubts.append(reason)

    @property
    def is_certain(self) -> bool:
        """Whether everything could be decided so far."""
        return not self._doubts

    def doubt(self) -> None:
        """Raise Undecided where something could not be decided: the last thing that a probe does."""
        if self._doubts:
            more = f" (and {len(self._doubts) - 1} more)" if self._doubts[1:] else ""
            raise Undecided(f"{evidence.bounded(self._doubts[0], 300)}{more}")

    @cached_property
    def backups(self) -> tuple[Backup, ...]:
        """The newest first."""
        oldest = datetime.min.replace(tzinfo=self.view.now.tzinfo)
        return tuple(sorted(self.read(BACKUPS, Backup), key=lambda each: begun(each) or oldest, reverse=True))

    @cached_property
    def locations(self) -> tuple[Location, ...]:
        return self.read(LOCATIONS, Location)

    @cached_property
    def deletions(self) -> tuple[Deletion, ...]:
        return self.read(DELETIONS, Deletion)

    @cached_property
    def restores(self) -> tuple[Restore, ...]:
        return self.read(RESTORES, Restore)

    @cached_property
    def planned(self) -> tuple[Planned, ...]:
        """The schedules, each with its backups."""
        of: dict[tuple[str, str], list[Backup]] = defaultdict(list)
        for backup in self.backups:
            if backup.schedule:
                of[backup.namespace, backup.schedule].append(backup)
        read = self.read(SCHEDULES, Schedule)
        return tuple(Planned(each, tuple(of[each.namespace, label_value(each.name)])) for each in read)


@dataclass(frozen=True)
class Planned:
    """A Schedule and the backups that are of it, the newest first."""

    schedule: Schedule
    backups: tuple[Backup, ...]

    @property
    def ref(self) -> Ref:
        return Ref("Schedule", self.schedule.name, self.schedule.namespace)

    @property
    def works(self) -> bool:
        """Whether it is to make backups: it is not paused, and Velero did not refuse it."""
        return not self.schedule.spec.paused and self.schedule.status.phase != "FailedValidation"

    @property
    def spec(self) -> BackupSpec:
        """What its backups are to hold; of a template that is none, nothing is known."""
        try:
            return self.schedule.backup
        except msgspec.ValidationError:
            return BackupSpec()

    @property
    def over(self) -> tuple[Backup, ...]:
        """Its backups that have ended."""
        return tuple(each for each in self.backups if each.ended)

    @property
    def good(self) -> Backup | None:
        """The newest that could be restored as a whole."""
        return next((each for each in self.backups if is_good(each)), None)


def begun(backup: Backup) -> datetime | None:
    """When it began, or was asked for where no server has begun with it."""
    return backup.status.start_timestamp or backup.metadata.creation_timestamp


def is_empty(backup: Backup) -> bool:
    """Whether it holds nothing, as Velero counted it."""
    progress = backup.status.progress
    return progress is not None and not progress.total_items and not progress.items_backed_up


def is_good(backup: Backup) -> bool:
    """Whether all that it was to hold is in it, as far as Velero says."""
    return backup.phase == "Completed" and not is_empty(backup)


def is_ahead(view: View, moment: datetime | None) -> bool:
    """Whether *moment* is after this round: the clock of Velero's machine was wrong, and no age can be told."""
    return moment is not None and moment > view.now + CLOCKS


def location_of(backup: Backup) -> Ref | None:
    """Where it lies, or was to lie."""
    name = backup.spec.storage_location or backup.metadata.labels.get(LOCATION_LABEL, "")
    return Ref("BackupStorageLocation", name, backup.namespace) if name else None


def server(namespace: str) -> Ref:
    """The server that looks at the resources in *namespace*."""
    return Ref("Deployment", SERVER, namespace)


def kept_for(planned: Planned) -> timedelta:
    """How long its backups are kept: as the newest of them was given, or its template says."""
    for backup in planned.over[:1]:
        if backup.status.expiration and backup.status.start_timestamp:
            return backup.status.expiration - backup.status.start_timestamp
    return duration(planned.spec.ttl) or TTL


def duration(text: str) -> timedelta | None:
    """A duration as Go writes it ("720h0m0s"); None for nothing, for zero, and for what is none."""
    try:
        return parse_duration(text) or None
    except ValueError:
        return None


def why(backup: Backup) -> str:
    """What Velero says of a backup that is not good, in one sentence."""
    status = backup.status
    if status.validation_errors:
        more = f" (and {len(status.validation_errors) - 1} more)" if status.validation_errors[1:] else ""
        return f"Velero refused it: {status.validation_errors[0]}{more}"
    if status.failure_reason:
        return status.failure_reason
    if is_empty(backup) and backup.phase == "Completed":
        return "it is Completed, and holds nothing"
    return ", ".join(_counts(backup)) or "Velero gives no reason"


def _counts(backup: Backup) -> Iterator[str]:
    status = backup.status
    if status.errors:
        yield evidence.counted(status.errors, "error")
    for done, asked, what in (
        (status.csi_volume_snapshots_completed, status.csi_volume_snapshots_attempted, "CSI snapshot"),
        (status.volume_snapshots_completed, status.volume_snapshots_attempted, "snapshot"),
    ):
        if done < asked:
            yield f"{asked - done} of {evidence.counted(asked, what)} failed"
    if status.backup_item_operations_failed:
        moved = evidence.counted(status.backup_item_operations_attempted, "operation")
        yield f"{status.backup_item_operations_failed} of {moved} on volumes failed"
    if status.hook_status and status.hook_status.hooks_failed:
        yield f"{evidence.counted(status.hook_status.hooks_failed, 'hook')} failed"


def told(backup: Backup) -> Evidence:
    """*backup* in one line."""
    progress = backup.status.progress
    items = f", {evidence.counted(progress.total_items, 'item')}" if progress and progress.total_items else ""
    said = "" if is_good(backup) or not backup.ended else f": {why(backup)}"
    return evidence.fact(f"backup {backup.name}: {backup.phase or 'New'}{items}{said}", begun(backup))


def last_good(backups: Sequence[Backup]) -> Evidence:
    good = next((each for each in backups if is_good(each)), None)
    return told(good) if good else evidence.fact("none of its backups that are still there is good")


def schedule_fact(planned: Planned) -> Evidence:
    """Its schedule, with all that bears on it."""
    schedule = planned.schedule
    paused = ", paused" if schedule.spec.paused else ""
    return evidence.fact(f'schedule "{schedule.spec.schedule}" (UTC unless it names a zone){paused}')


def by_namespace(items: Iterable[T]) -> Mapping[str, list[T]]:
    """*items* by the namespace, which is the server's."""
    found: dict[str, list[T]] = defaultdict(list)
    for item in items:
        found[item.namespace].append(item)
    return found


def _without_nulls(item: Any) -> Any:
    """*item* without the fields that somebody has set to null, which mean the same as none."""
    if isinstance(item, dict):
        return {key: _without_nulls(value) for key, value in item.items() if value is not None}
    return [_without_nulls(each) for each in item] if isinstance(item, list) else item
