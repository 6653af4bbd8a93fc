"""What a Backup of Velero holds, as the files say that it left in the object store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hubops.model.velero import BackupSpec, Results, VolumeInfo
from hubops.model.velero_scope import Key, key

#: How Velero says that a volume was left out on purpose: by a label, an annotation of a pod, a policy.
_ON_PURPOSE = ("item has label", "opted out", "resource polic", "VolumePolicy")


def is_good(volume: VolumeInfo) -> bool:
    """Whether the data of *volume* can be restored; older versions name no result of what they did."""
    return not volume.skipped and volume.result in {"", "succeeded"}


def is_left_out(volume: VolumeInfo) -> bool:
    """Whether somebody did not want it."""
    return volume.skipped and any(each in volume.skipped_reason for each in _ON_PURPOSE)


def why_bare(volume: VolumeInfo) -> str:
    """Why there is no data of it, in Velero's words."""
    return volume.skipped_reason.strip("; ") if volume.skipped else f"{volume.backup_method or 'its backup'} failed"


@dataclass(frozen=True)
class Contents:
    """`volumes` is None where Velero is too old to tell of each."""

    held: frozenset[Key]
    results: Results = field(default_factory=Results)
    volumes: tuple[VolumeInfo, ...] | None = ()

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """Those of which it holds something, and those that it holds themselves."""
        own = {each.name for each in self.held if each.kind == "Namespace" and not each.group}
        return tuple(sorted(own | {each.namespace for each in self.held if each.namespace}))

    def by_kind(self) -> Counter[str]:
        """How many objects of each kind."""
        return Counter(f"{each.kind}.{each.group}" if each.group else each.kind for each in self.held)

    def by_namespace(self) -> Counter[str]:
        """How many objects in each namespace; those in none under the empty name."""
        return Counter(each.namespace for each in self.held)


def keys_of(resource_list: Mapping[str, Iterable[str]]) -> frozenset[Key]:
    """The objects of a BackupResourceList: {"apps/v1/Deployment": ["shop/cart"], "v1/Namespace": ["shop"]}."""
    found = set()
    for gvk, names in resource_list.items():
        version, _, kind = gvk.rpartition("/")
        group = version.rpartition("/")[0]
        for each in names or ():
            namespace, _, name = each.rpartition("/")
            found.add(key(group, kind, namespace, name))
    return frozenset(found)


def asks_for_all_data(spec: BackupSpec) -> bool:
    """Whether each claim of a Backup of *spec* is to be snapshotted, and not only where Velero finds that it can."""
    return bool(spec.snapshot_volumes or spec.snapshot_move_data)


def bare_claims(contents: Contents, spec: BackupSpec, claims: Iterable[str]) -> list[str]:
    """ "shop/data: why" of each claim whose data should be held and is not.

    That is each of *claims* where the spec asks for snapshots of all, and those that Velero tried in vain.
    """
    infos = {f"{each.pvc_namespace}/{each.pvc_name}": each for each in contents.volumes or ()}
    failed = {name: why_bare(each) for name, each in infos.items() if not each.skipped and not is_good(each)}
    if contents.volumes is None or not asks_for_all_data(spec):
        return [f"{name}: {why}" for name, why in sorted(failed.items())]
    for name in claims:
        info = infos.get(name)
        if info is None:
            failed[name] = "Velero does not tell of it"
        elif not is_good(info) and not is_left_out(info):
            failed[name] = why_bare(info)
    return [f"{name}: {why}" for name, why in sorted(failed.items())]
