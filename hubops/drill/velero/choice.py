"""Which backup a drill restores, and which of its namespaces.

Only a Completed one counts: of a PartiallyFailed one Velero itself says that something is missing, and a restore of
what is there would prove nothing about the rest. Asked for by name, one is restored, and the drill says what it was.
One that was narrowed to kinds or labels is passed over: ConfigMaps alone prove no application.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from hubops.clients.kube.writer import KubeWriter
from hubops.clients.velero import VeleroClient
from hubops.config.backup import VeleroDrillConfig
from hubops.errors import Permanent, UsageError
from hubops.model.velero import Backup, BackupSpec, label_value
from hubops.model.velero_scope import Scope

_RESTORABLE = ("Completed", "PartiallyFailed")


@dataclass(frozen=True)
class Wanted:
    """What is to be drilled: *backup* by its name, where that is asked for; *schedule* is the one that counts."""

    settings: VeleroDrillConfig
    backup: str | None = None
    namespaces: tuple[str, ...] = ()  # in place of those of the settings
    schedule: str | None = None

    def takes(self, namespace: str) -> bool:
        """Whether it is one of those: one that is named as it is is never excluded."""
        patterns = self.namespaces or self.settings.namespaces
        if namespace in patterns:
            return True
        excluded = any(fnmatchcase(namespace, each) for each in self.settings.exclude)
        return not excluded and (not patterns or any(fnmatchcase(namespace, each) for each in patterns))

    @property
    def named(self) -> tuple[str, ...]:
        """The namespaces that are asked for by name, not by a pattern."""
        patterns = self.namespaces or self.settings.namespaces
        return tuple(each for each in patterns if not any(mark in each for mark in "*?["))


@dataclass(frozen=True)
class Chosen:
    """The backup, what it holds by kind ("apps/v1/Deployment" to "namespace/name"), and what of it is to be restored.

    `doubts` are words on why a restore of it does not prove what was asked for.
    """

    backup: Backup
    held: Mapping[str, tuple[str, ...]]
    namespaces: tuple[str, ...]
    newest_at: datetime  # when the newest one began that counts: what is younger would be lost
    doubts: tuple[str, ...] = ()

    @property
    def taken_at(self) -> datetime:
        """When it began: nothing that is in it is older, and something may be."""
        return _taken(self.backup)

    @property
    def every_namespace(self) -> tuple[str, ...]:
        """All that it holds something of."""
        return _spaces(self.held)


def choose(cluster: KubeWriter, velero: VeleroClient, wanted: Wanted) -> Chosen:
    """The newest backup that counts and holds what is wanted, or the one that is asked for.

    Raises UsageError where there is none of that name, Permanent where none counts or holds anything that is wanted.
    """
    backup = newest = _named(velero, wanted.backup) if wanted.backup else _newest(cluster, velero, wanted)
    if wanted.backup:
        with suppress(Permanent):
            newest = max(backup, _newest(cluster, velero, wanted), key=_taken)
    held = velero.resource_list(backup)
    spaces = _spaces(held)
    namespaces = tuple(each for each in spaces if wanted.takes(each))
    if not namespaces:
        there = ", ".join(spaces[:5]) or "nothing that is in a namespace"
        raise Permanent(f"Backup {backup.name} holds nothing of the namespaces that are to be drilled; it has {there}")
    return Chosen(backup, held, namespaces, _taken(newest), tuple(_doubts(backup, namespaces, wanted)))


def _named(velero: VeleroClient, name: str) -> Backup:
    backup = velero.get(Backup, name)
    if backup is None:
        raise UsageError(f"there is no Backup {name!r} in namespace {velero.namespace} ('hubops backup velero list')")
    if backup.phase not in _RESTORABLE:
        raise Permanent(f"Backup {name} is {backup.phase or 'New'}: there is nothing that can be restored")
    return backup


def _newest(cluster: KubeWriter, velero: VeleroClient, wanted: Wanted) -> Backup:
    found = [
        each for each in velero.backups() if each.phase == "Completed" and each.metadata.deletion_timestamp is None
    ]
    counted = [each for each in found if _counts(each, wanted.schedule)]
    if not counted:
        of = f" of Schedule {wanted.schedule}" if wanted.schedule else ""
        raise Permanent(f"there is no Completed backup{of} that can be drilled in namespace {velero.namespace}")
    spaces = _namespaces(cluster, counted)
    scopes = {each.name: Scope(each.spec, spaces) for each in counted}
    covered = {
        name: sum(wanted.takes(each) and scope.takes_namespace(each) for each in spaces)
        for name, scope in scopes.items()
    }
    most = max(covered.values())
    if not most:
        raise Permanent("no Completed backup holds any of the namespaces that are to be drilled")
    return max((each for each in counted if covered[each.name] == most), key=_taken)


def _counts(backup: Backup, schedule: str | None) -> bool:
    if backup.status.start_timestamp is None:
        return False
    return backup.schedule == label_value(schedule) if schedule else not _narrowed(backup.spec)


def _narrowed(spec: BackupSpec) -> str:
    """What it was narrowed to, in a word; empty where it was not."""
    if {*spec.included_resources, *spec.included_namespace_scoped_resources} - {"*"}:
        return "kinds"
    return "labels" if spec.label_selector or spec.or_label_selectors else ""


def _namespaces(cluster: KubeWriter, backups: Sequence[Backup]) -> dict[str, dict[str, str]]:
    """The namespaces of the cluster with their labels, and those that backups name: one may be gone by now."""
    live = [each["metadata"] for each in cluster.find("v1", "Namespace")]
    named = {name for each in backups for name in each.spec.included_namespaces if "*" not in name}
    return {**{name: {} for name in named}, **{each["name"]: dict(each.get("labels") or {}) for each in live}}


def _doubts(backup: Backup, namespaces: Sequence[str], wanted: Wanted) -> Iterator[str]:
    if backup.phase != "Completed":
        yield f"Backup {backup.name} is {backup.phase}: what it does not hold is proven by nothing"
    if missing := [each for each in wanted.named if each not in namespaces]:
        yield f"Backup {backup.name} holds nothing of {', '.join(missing)}"
    if what := _narrowed(backup.spec):
        yield f"Backup {backup.name} was narrowed to some {what}"


def _spaces(held: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({each.partition("/")[0] for names in held.values() for each in names if "/" in each}))


def _taken(backup: Backup) -> datetime:
    at = backup.status.start_timestamp or backup.metadata.creation_timestamp
    assert at is not None, "the API server sets it"
    return at
