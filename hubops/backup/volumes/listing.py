"""Each claim with its snapshots, and why one has none: what hubops.yaml, the drivers and the cluster say together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

import msgspec

from hubops.backup.volumes import snapshots
from hubops.backup.volumes.claims import choose
from hubops.backup.volumes.snapshots import Snapshot
from hubops.clients.kube.writer import KubeWriter
from hubops.config.backup import VolumeBackupConfig
from hubops.model.kube.kinds import BY_PLURAL

_Claim = tuple[str, str]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of hubops."""

    name: str
    asked_at: datetime
    ready: bool
    size: int | None
    snapshot_class: str
    run: str
    proven: bool  # the newest proof of its claim rests on it
    error: str = ""
    leaving: bool = False  # is being deleted


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A claim, or what is left of one: `remark` says why no snapshot of it is taken."""

    namespace: str
    claim: str
    snapshots: tuple[Taken, ...] = ()  # newest first
    remark: str = ""

    @property
    def newest(self) -> Taken | None:
        """The newest that a restore could begin with."""
        return next((each for each in self.snapshots if each.ready and not each.leaving), None)


def rows(
    cluster: KubeWriter, settings: VolumeBackupConfig, proven: Collection[str], namespaces: Sequence[str] = ()
) -> list[Row]:
    """All claims of the cluster, or of *namespaces* (shell patterns), and those of which only snapshots are left.

    *proven* are the ids of the snapshots that proofs rest on. Raises as `choose` does.
    """
    chosen, left = choose(cluster, settings)
    taken: dict[_Claim, list[Taken]] = defaultdict(list)
    for each in snapshots.own(cluster):
        taken[each.of].append(_taken(each, proven))
    remarks = {(each.namespace, each.name): each.reason for each in left}
    named = {(each.namespace, each.name) for each in chosen}
    there = {(each.namespace, each.name) for each in cluster.list(BY_PLURAL["persistentvolumeclaims"])}
    return [
        Row(namespace=claim[0], claim=claim[1], snapshots=tuple(taken.get(claim, ())),
            remark=_remark(claim, named, there, remarks))
        for claim in sorted(there | taken.keys())
        if not namespaces or any(fnmatchcase(claim[0], pattern) for pattern in namespaces)
    ]  # fmt: skip


def _remark(claim: _Claim, named: Collection[_Claim], there: Collection[_Claim], remarks: Mapping[_Claim, str]) -> str:
    if claim in named:
        return ""
    if claim not in there:
        return "the claim is gone; these are all that is left of it"
    return remarks.get(claim, "backup.volumes does not name it")


def _taken(each: Snapshot, proven: Collection[str]) -> Taken:
    return Taken(
        name=each.name, asked_at=each.asked_at, ready=each.ready, size=each.size, snapshot_class=each.snapshot_class,
        run=each.run, proven=each.id in proven, error=each.error, leaving=each.leaving,
    )  # fmt: skip
