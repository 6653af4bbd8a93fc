"""What there is of a namespace: the backup that holds it, and what is left of it in the cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from hubops.backup.velero.contents import is_good
from hubops.backup.volumes.claim_users import User
from hubops.clients.kube.writer import KubeWriter, Manifest
from hubops.clients.velero import VeleroClient
from hubops.errors import SourceError, UsageError
from hubops.model.velero import Backup

#: Backups that are looked into before it is said that none holds the namespace.
_LOOKED_INTO = 40
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RESTORABLE = ("Completed", "PartiallyFailed")
#: Kinds whose pods are stopped and awaited by their number of replicas.
_SCALED = {"Deployment": "apps/v1/Deployment", "StatefulSet": "apps/v1/StatefulSet"}
_CLAIM = "v1/PersistentVolumeClaim"


@dataclass(frozen=True)
class Held:
    """A backup, and what it holds: names in each kind, "namespace/name", as its resource list has them.

    `data` says of each claim ("namespace/name") how its volume was backed up; None where Velero does not tell.
    """

    backup: Backup
    names: Mapping[str, tuple[str, ...]]
    data: Mapping[str, str] | None

    @property
    def taken_at(self) -> datetime:
        at = self.backup.status.start_timestamp or self.backup.metadata.creation_timestamp
        assert at is not None, "the API server sets it"
        return at

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those of which it holds something, and those that it holds themselves."""
        within = {each.partition("/")[0] for names in self.names.values() for each in names if "/" in each}
        return tuple(sorted(within | set(self.names.get("v1/Namespace", ()))))

    def of(self, namespace: str, kind: str) -> tuple[str, ...]:
        """The names of its objects of *kind* ("apps/v1/Deployment") in *namespace*."""
        return tuple(each.partition("/")[2] for each in self.names.get(kind, ()) if each.startswith(f"{namespace}/"))

    def claims(self, namespace: str) -> tuple[str, ...]:
        return self.of(namespace, _CLAIM)

    def bare(self, namespace: str) -> tuple[str, ...]:
        """The claims that it holds without their data."""
        data = self.data
        return (
            () if data is None else tuple(each for each in self.claims(namespace) if f"{namespace}/{each}" not in data)
        )

    def count(self, namespace: str) -> int:
        return sum(each.startswith(f"{namespace}/") for names in self.names.values() for each in names)


@dataclass(frozen=True)
class Volume:
    """A PersistentVolume that belongs, or belonged, to a claim."""

    name: str
    claim: str
    phase: str


@dataclass(frozen=True)
class Site:
    """`server` is the namespace of Velero. `live` says whether *namespace* is there."""

    server: str
    namespace: str
    held: Held
    live: bool
    newer: tuple[str, ...] = ()  # backups that were passed over
    users: tuple[User, ...] = ()
    schedules: tuple[str, ...] = ()  # CronJobs that are not suspended
    volumes: tuple[Volume, ...] = ()

    @property
    def workloads(self) -> tuple[str, ...]:
        """What is awaited after a restore: "deployment/cart"."""
        return tuple(
            f"{kind.lower()}/{name}" for kind, path in _SCALED.items() for name in self.held.of(self.namespace, path)
        )

    @property
    def by_files(self) -> bool:
        """Whether volumes were read file by file: such a volume is only filled for a pod that is restored with it."""
        methods = (self.held.data or {}).items()
        return any(each.startswith(f"{self.namespace}/") and how == "PodVolumeBackup" for each, how in methods)

    @property
    def in_the_way(self) -> tuple[Volume, ...]:
        """Volumes that the backup holds as snapshots of their provider: Velero makes them anew under their own names,
        and waits in vain while one that is retained has the name.
        """
        data = self.held.data or {}
        return tuple(each for each in self.volumes if data.get(f"{self.namespace}/{each.claim}") == "NativeSnapshot")


def read(cluster: KubeWriter, velero: VeleroClient, namespace: str, wanted: str | None) -> Site:
    """What can be restored of *namespace*, from the backup *wanted*, by default from the newest that is good for it.

    Raises UsageError where there is none, SourceError where cluster or store do not tell.
    """
    if not _NAME.fullmatch(namespace):
        raise UsageError(f"{namespace!r} is no name of a namespace")
    held = _named(velero, namespace, wanted) if wanted else _newest(velero, namespace)
    newer = [each.name for each in restorable(velero) if _later(each, held)] if not wanted else []
    live = cluster.has({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    return Site(
        velero.namespace, namespace, held, live, tuple(newer), users=tuple(_users(cluster, namespace)),
        schedules=tuple(
            each["metadata"]["name"] for each in cluster.find("batch/v1", "CronJob", namespace)
            if not each["spec"].get("suspend")
        ),
        volumes=tuple(_volumes(cluster, namespace)),
    )  # fmt: skip


def look_into(velero: VeleroClient, backup: Backup) -> Held:
    """What *backup* holds. Raises SourceError where its files cannot be read."""
    try:
        infos = velero.volumes(backup)
    except SourceError:
        data = None
    else:
        data = {f"{each.pvc_namespace}/{each.pvc_name}": each.backup_method for each in infos if is_good(each)}
    return Held(backup, velero.resource_list(backup), data)


def restorable(velero: VeleroClient) -> list[Backup]:
    """The newest backups first; those of which something is missing after all others."""
    found = [each for each in velero.backups() if each.phase in _RESTORABLE and not each.metadata.deletion_timestamp]
    return sorted(found, key=lambda each: each.phase != "Completed")


def _later(backup: Backup, held: Held) -> bool:
    """Whether *backup* is newer, and of nothing that leaves the namespace out on purpose."""
    at = backup.status.start_timestamp
    return backup.name != held.backup.name and at is not None and at > held.taken_at


def _named(velero: VeleroClient, namespace: str, name: str) -> Held:
    backup = velero.get(Backup, name)
    if backup is None:
        raise UsageError(f"there is no Backup {name!r} ('hubops backup velero list' shows what there is)")
    if backup.phase not in _RESTORABLE:
        raise UsageError(f"Backup {name} is {backup.phase or 'New'}: it cannot be restored")
    held = look_into(velero, backup)
    if not held.count(namespace):
        raise UsageError(f"Backup {name} holds nothing of namespace {namespace}; it has {', '.join(held.namespaces)}")
    return held


def _newest(velero: VeleroClient, namespace: str) -> Held:
    """The newest that holds *namespace*; where it has claims, the newest with the data of all of them, if there is one.

    A backup of objects alone may be newer than the one that has the data: it would bring back empty volumes.
    """
    first = None
    for backup in islice(restorable(velero), _LOOKED_INTO):
        held = look_into(velero, backup)
        if not held.count(namespace):
            continue
        if not held.bare(namespace):
            return held
        first = first or held
    if first is None:
        raise UsageError(
            f"no backup that ended well holds anything of namespace {namespace}: 'hubops backup velero list' shows "
            "what there is, --backup NAME takes another one"
        )
    return first


def _users(cluster: KubeWriter, namespace: str) -> list[User]:
    found = [
        User(kind, each["metadata"]["name"], each["spec"].get("replicas", 1))
        for kind, path in _SCALED.items()
        for each in cluster.find(path.rpartition("/")[0], kind, namespace)
    ]
    return [each for each in found if each.replicas]


def _volumes(cluster: KubeWriter, namespace: str) -> list[Volume]:
    items: list[Manifest] = cluster.find("v1", "PersistentVolume")
    refs = [(each, each["spec"].get("claimRef") or {}) for each in items]
    return [
        Volume(each["metadata"]["name"], ref["name"], (each.get("status") or {}).get("phase", ""))
        for each, ref in refs
        if ref.get("namespace") == namespace
    ]
