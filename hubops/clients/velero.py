"""Velero, through its own custom resources: there is no other API of it.

All that hubops reads of Velero and asks of it goes through here. Nothing is asked of the object store but the files
that Velero gives a signed URL for (`velero_files`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from hubops.clients.kube.errors import AlreadyExists, Conflict, NotServed
from hubops.clients.kube.writer import KubeWriter, Manifest
from hubops.clients.retry import Deadline, OutOfTime
from hubops.clients.velero_files import LARGEST, LARGEST_CONTENTS, Downloads, Trust
from hubops.clients.velero_waiting import Say as Say
from hubops.clients.velero_waiting import Server, doing, looks
from hubops.errors import ClusterUnreachable, Permanent, SourceError
from hubops.model.kube.meta import Object
from hubops.model.text import inert
from hubops.model.velero import (
    API,
    BACKUP_LABEL,
    BACKUP_UID_LABEL,
    KINDS,
    Backup,
    Deletion,
    File,
    Location,
    Restore,
    RestoreFile,
    Results,
    Schedule,
    ServerStatus,
    VolumeInfo,
    label_value,
)

K = TypeVar("K", bound=Object)
Work = TypeVar("Work", Backup, Restore)

#: Label of all that hubops asks of Velero.
MANAGED = {"app.kubernetes.io/managed-by": "hubops"}
#: Annotation of what hubops creates: a creation whose answer was lost is known again by it.
ASKED = "hubops.io/asked"
_TRIES = 5  # of a change to what others change, too
_REMOVED_WITHIN = 900.0  # seconds for what a backup has in its store and as snapshots
#: How strconv.ParseBool of Go, which the S3 plugin reads its settings with, writes that something is so.
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})


class NotInstalled(NotServed):
    """The cluster has no Velero."""


class VeleroClient:
    """The Velero whose server and resources are in *namespace*.

    Methods raise as those of KubeWriter do, and NotInstalled where the cluster does not serve Velero's kinds. Lists are
    complete or an error.
    """

    def __init__(self, cluster: KubeWriter, namespace: str = "velero", *, patience: float = 60.0) -> None:
        """*patience*: seconds in which a server that runs answers a request."""
        self.cluster = cluster
        self.namespace = namespace
        self._patience = patience
        self._downloads = Downloads(cluster, namespace, patience=patience)

    # What there is

    def backups(self, labels: str = "") -> tuple[Backup, ...]:
        """All, or those that the label selector *labels* matches; the newest first."""
        return self._list(Backup, labels)

    def schedules(self) -> tuple[Schedule, ...]:
        return self._list(Schedule)

    def restores(self, labels: str = "") -> tuple[Restore, ...]:
        return self._list(Restore, labels)

    def locations(self) -> tuple[Location, ...]:
        """The BackupStorageLocations."""
        return self._list(Location)

    def deletions(self, backup: Backup | None = None) -> tuple[Deletion, ...]:
        """The DeleteBackupRequests, or those of *backup*. One that failed stays for a day."""
        if backup is None:
            return self._list(Deletion)
        return tuple(each for each in self._list(Deletion) if each.spec.backup_name == backup.name)

    def get(self, kind: type[K], name: str) -> K | None:
        """The Backup, Restore, Schedule, Location or Deletion of that name; None where there is none."""
        with _installed():
            found = self.cluster.read(self._item(kind, name)) if name else None
        return _typed(found, kind) if found is not None else None

    # What is asked for

    def create_backup(self, name: str, spec: Mapping[str, Any], labels: Mapping[str, str] | None = None) -> Backup:
        """A Backup, which the server begins with when it comes to it. *spec* is as the API has it.

        Raises AlreadyExists.
        """
        return self._create(Backup, name, spec, labels)

    def create_restore(self, name: str, spec: Mapping[str, Any], labels: Mapping[str, str] | None = None) -> Restore:
        """A Restore. Raises AlreadyExists."""
        return self._create(Restore, name, spec, labels)

    def create_schedule(self, name: str, spec: Mapping[str, Any], labels: Mapping[str, str] | None = None) -> Schedule:
        """A Schedule. Raises AlreadyExists."""
        return self._create(Schedule, name, spec, labels)

    def pause(self, name: str, paused: bool) -> Schedule:
        """Stop the Schedule from making backups, or let it go on.

        Raises Conflict where it changes again and again meanwhile, Permanent (404) where there is none.
        """
        for _ in range(_TRIES - 1):
            # The server writes to what is new: what it changed is kept, and the one field is set in that.
            with suppress(Conflict):
                return self._pause(name, paused)
        return self._pause(name, paused)

    def _pause(self, name: str, paused: bool) -> Schedule:
        with _installed():
            found = self.cluster.read(self._item(Schedule, name))
            if found is None:
                raise Permanent(f"there is no Schedule {inert(name)} in namespace {self.namespace}", status=404)
            return _typed(self.cluster.replace({**found, "spec": {**found["spec"], "paused": paused}}), Schedule)

    def delete(self, item: Schedule | Restore | Deletion) -> bool:
        """Remove it, by its uid; whether it was there. A Backup would come back from the store: `request_deletion`."""
        with _installed():
            return self.cluster.delete(self._item(type(item), item.name, item.metadata.uid))

    def request_deletion(self, backup: Backup) -> Deletion:
        """Ask the server to remove *backup* and all that it has in the store and as snapshots."""
        labels = {BACKUP_LABEL: label_value(backup.name), BACKUP_UID_LABEL: backup.metadata.uid}
        name = f"hubops-{uuid.uuid4().hex}"
        return self._create(Deletion, name, {"backupName": backup.name}, labels)

    # Waiting

    def ended(self, kind: type[Work], name: str, *, say: Say, deadline: Deadline | None = None) -> Work:
        """The Backup or Restore once it is in one of the phases ENDED; *say* is told what it waits for.

        Raises Permanent where it is removed meanwhile (404), or where it is New and no server runs; and OutOfTime.
        """
        sight = looks(lambda: self.get(kind, name), say=say, deadline=deadline or self.cluster.deadline)
        server = Server(self.server)
        while True:
            found, waited = next(sight)
            if found is None or found.phase == "Deleting":
                raise Permanent(f"{KINDS[kind]} {inert(name)} was deleted while it was waited for", status=404)
            if found.ended:
                return found
            say(doing(found, waited))
            server.expected(found.phase, waited)

    def deleted(self, deletion: Deletion, *, say: Say, deadline: Deadline | None = None) -> tuple[str, ...]:
        """Empty once the backup is gone; else why the server could not remove it, or has not by the *deadline*.

        A backup that could not be removed stays in phase Deleting. So does one whose server was restarted meanwhile,
        with its request InProgress for a day. Another request for it goes on from there. Raises Permanent where no
        server runs.
        """
        limit = deadline or Deadline(min(_REMOVED_WITHIN, self.cluster.deadline.remaining()))
        sight = looks(lambda: self.get(Deletion, deletion.name), say=say, deadline=limit)
        server = Server(self.server)
        try:
            while True:
                found, waited = next(sight)
                if found is None or found.status.phase == "Processed":
                    gone = self.get(Backup, deletion.spec.backup_name) is None
                    said = found.status.errors if found else ()
                    return () if gone else said or ("the request is over, and the backup is still there",)
                say(found.status.phase or "New")
                server.expected(found.status.phase, waited)
        except OutOfTime:
            self.cluster.deadline.bound(1)
            return (f"not over after {limit.seconds:g} s; a server that was restarted meanwhile forgets it: ask again",)

    def server(self) -> str:
        """The version of the server, as it says itself. Raises Permanent, without a status, where none answers."""
        request: Manifest = self._named("ServerStatusRequest", f"hubops-{uuid.uuid4().hex}")
        request["metadata"]["labels"] = dict(MANAGED)
        within = Deadline(min(self._patience, self.cluster.deadline.remaining()))
        try:
            with _installed():
                self.cluster.create({**request, "spec": {}})
            for found, _ in looks(lambda: self.cluster.read(request), say=lambda _: None, deadline=within):
                status = msgspec.convert((found or {}).get("status") or {}, ServerStatus)
                if status.phase == "Processed":
                    return status.server_version
        except OutOfTime as error:
            self.cluster.deadline.bound(1)
            raise Permanent(
                f"no Velero server answers in namespace {self.namespace}; does its Deployment velero run?"
            ) from error
        finally:
            with suppress(SourceError, ClusterUnreachable):
                self.cluster.delete(request)
        raise AssertionError("looks end with an exception")

    # What the store holds

    def download(self, kind: File, name: str, to: Path, *, limit: int | None = None) -> None:
        """The file of the Backup or Restore *name* into the new file *to* (0600).

        BackupContents is a gzipped tar of the objects, Secrets among them; all others are written decompressed. Raises
        as `Downloads.to_memory`, Permanent with status 404 where there is no such backup or no such file.
        """
        largest = LARGEST_CONTENTS if kind == "BackupContents" else LARGEST
        self._downloads.to_file(kind, name, self._trust(kind, name), to, largest if limit is None else limit)

    def results(self, of: Backup | Restore) -> Results:
        """Its errors and warnings. Raises Permanent (404) where it came to no such file, as when it Failed."""
        kind: File = "BackupResults" if isinstance(of, Backup) else "RestoreResults"
        found: Results = self._read(kind, of.name, Results)
        return found

    def resource_list(self, of: Backup | Restore) -> dict[str, tuple[str, ...]]:
        """What it holds: "apps/v1/Deployment" to "namespace/name", "v1/Namespace" to "name".

        Those of a restore have what became of each behind them: "shop/cart(created)", "(updated)", "(failed)".
        """
        kind: File = "BackupResourceList" if isinstance(of, Backup) else "RestoreResourceList"
        listed = self._read(kind, of.name, dict[str, tuple[str, ...] | None])
        return {inert(key): tuple(inert(each) for each in names or ()) for key, names in listed.items()}

    def volumes(self, backup: Backup) -> tuple[VolumeInfo, ...]:
        """How each volume was backed up, or why not."""
        return self._read("BackupVolumeInfos", backup.name, tuple[VolumeInfo, ...] | None) or ()

    def _read(self, kind: File, name: str, into: Any) -> Any:
        content = self._downloads.to_memory(kind, name, self._trust(kind, name))
        try:
            return msgspec.json.decode(content, type=into)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Permanent(f"{kind} of {inert(name)}: it is not what Velero writes") from error

    def _trust(self, kind: File, name: str) -> Trust:
        """How the store that holds the file is known."""
        if kind in get_args(RestoreFile):
            restore = self._there(Restore, name)
            name = restore.spec.backup_name
        backup = self._there(Backup, name)
        if not backup.spec.storage_location:
            raise Permanent(f"Backup {inert(name)} is in no storage location: no server has begun with it", status=404)
        location = self._there(Location, backup.spec.storage_location)
        insecure = location.spec.config.get("insecureSkipTLSVerify") in _TRUE
        return Trust(location.name, "" if insecure else self._authority(location), insecure)

    def _authority(self, location: Location) -> str:
        """The PEM bundle of *location*, from its own text or from the Secret that it names."""
        storage = location.spec.object_storage
        reference = storage.ca_cert_ref if storage else None
        if storage is None or reference is None:
            return storage.ca_cert.decode("utf-8", "replace") if storage else ""
        wanted = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"namespace": self.namespace, "name": reference.name},
        }
        held = ((self.cluster.read(wanted) or {}).get("data") or {}).get(reference.key) or ""
        return msgspec.convert(held, bytes).decode("utf-8", "replace")

    def _there(self, kind: type[K], name: str) -> K:
        if (found := self.get(kind, name)) is None:
            raise Permanent(f"there is no {KINDS[kind]} {inert(name)} in namespace {self.namespace}", status=404)
        return found

    def _list(self, kind: type[K], labels: str = "") -> tuple[K, ...]:
        with _installed():
            items = self.cluster.find(API, KINDS[kind], self.namespace, labels)
        found = [_typed(item, kind) for item in items]
        return tuple(sorted(found, key=lambda each: (str(each.metadata.creation_timestamp), each.name), reverse=True))

    def _create(self, kind: type[K], name: str, spec: Mapping[str, Any], labels: Mapping[str, str] | None) -> K:
        item, asked = self._item(kind, name), uuid.uuid4().hex
        item["metadata"] |= {"labels": {**MANAGED, **(labels or {})}, "annotations": {ASKED: asked}}
        with _installed():
            try:
                return _typed(self.cluster.create({**item, "spec": dict(spec)}), kind)
            except AlreadyExists:
                found = self.get(kind, name)
                if found is None or found.metadata.annotations.get(ASKED) != asked:
                    raise
                return found

    def _item(self, kind: type[Object], name: str, uid: str = "") -> Manifest:
        item = self._named(KINDS[kind], name)
        item["metadata"] |= {"uid": uid} if uid else {}
        return item

    def _named(self, kind: str, name: str) -> Manifest:
        return {"apiVersion": API, "kind": kind, "metadata": {"namespace": self.namespace, "name": name}}


@contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except NotInstalled:
        raise
    except NotServed as error:
        raise NotInstalled(f"Velero is not installed here: {error}", status=404) from error


def _typed(item: Manifest, kind: type[K]) -> K:
    try:
        return msgspec.convert(item, kind)
    except msgspec.ValidationError as error:
        name = inert(str(item.get("metadata", {}).get("name", "")))
        raise Permanent(
            f"{KINDS[kind]} {name} is not as Velero's API has it: {inert(str(error), limit=200)}"
        ) from error
