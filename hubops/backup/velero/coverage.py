"""What no backup of Velero holds: namespaces, claims and cluster-scoped kinds, by the lists of what each one holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial

import msgspec

from hubops.backup.velero.contents import Contents, is_good
from hubops.backup.velero.inventory import Cluster
from hubops.backup.velero.look import read
from hubops.clients.kube.metadata_list import Metadata
from hubops.clients.velero import VeleroClient
from hubops.errors import SourceError
from hubops.model.kube.kinds import BY_PLURAL
from hubops.model.kube.storage import PersistentVolumeClaim
from hubops.model.velero import EXCLUDED_LABEL, Backup, BackupSpec
from hubops.model.velero_scope import Key, Sort
from hubops.model.velero_told import ClaimCover, Cover, Coverage

_EXAMPLES = 5
_AT_ONCE = 4  # backups that are read at the same time
#: Kinds that a cluster or its controllers make again by themselves, and what Velero keeps of its own doing.
_MADE_AGAIN = frozenset({
    "events", "endpoints", "endpointslices.discovery.k8s.io", "leases.coordination.k8s.io", "nodes",
    "leasecandidates.coordination.k8s.io", "csinodes.storage.k8s.io", "volumeattachments.storage.k8s.io",
    "csistoragecapacities.storage.k8s.io", "certificatesigningrequests.certificates.k8s.io",
    "apiservices.apiregistration.k8s.io", "flowschemas.flowcontrol.apiserver.k8s.io",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", "ipaddresses.networking.k8s.io",
    "servicecidrs.networking.k8s.io", "resourceslices.resource.k8s.io",
    *(f"{each}.velero.io" for each in (
        "backups", "restores", "deletebackuprequests", "downloadrequests", "serverstatusrequests", "backuprepositories",
        "podvolumebackups", "podvolumerestores", "datauploads", "datadownloads",
    )),
})  # fmt: skip
#: Objects that are in each namespace or cluster by themselves.
_EVERYWHERE = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default"), ("Service", "kubernetes"),
               ("PriorityClass", "system-node-critical"), ("PriorityClass", "system-cluster-critical")}  # fmt: skip
_BOOTSTRAP = "kubernetes.io/bootstrapping"


def coverage(
    velero: VeleroClient, within: timedelta, exclude: Sequence[str], say: Callable[[str, str], None]
) -> Coverage:
    """What there is now, but for the namespaces *exclude*, and is in no Completed backup of the last *within*."""
    since = datetime.now(UTC) + velero.cluster.clock_offset() - within
    lately = [each for each in velero.backups() if (began := each.status.start_timestamp) and began >= since]
    good = [each for each in lately if each.phase == "Completed"]
    found, unread_backups = _Held(), dict[str, str]()
    say("velero", "listing what the cluster has")
    wanted, unread, young = _wanted(Cluster(velero.cluster), exclude, good)
    claims = _claims(velero, exclude, good)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="read") as pool:
        for first in range(0, len(good), _AT_ONCE):
            if wanted.keys() <= found.objects and claims <= found.claims.keys():
                break
            some = good[first : first + _AT_ONCE]
            say("velero", f"reading what {some[0].name} holds; {len(good) - first} backups to go")
            for backup, contents in zip(some, pool.map(partial(_contents, velero), some), strict=True):
                if isinstance(contents, Contents):
                    found.add(backup, contents)
                else:
                    unread_backups[backup.name] = contents
    told = _told(wanted, found, claims, since)
    not_good = {each.name: each.phase or "New" for each in lately if each.phase != "Completed"}
    return msgspec.structs.replace(
        told, not_good=not_good, too_young=young, unread=unread, unread_backups=unread_backups
    )


def _contents(velero: VeleroClient, backup: Backup) -> Contents | str:
    """What *backup* holds, or why that cannot be read."""
    try:
        return read(velero, backup)
    except SourceError as error:
        return str(error)


@dataclass
class _Held:
    objects: set[Key] = field(default_factory=set)
    claims: dict[str, str] = field(default_factory=dict)  # and the newest backup with their data
    backups: list[str] = field(default_factory=list)

    def add(self, backup: Backup, contents: Contents) -> None:
        self.backups.append(backup.name)
        self.objects |= contents.held
        for each in contents.volumes or ():
            if is_good(each):
                self.claims.setdefault(f"{each.pvc_namespace}/{each.pvc_name}", backup.name)


def _wanted(
    cluster: Cluster, exclude: Sequence[str], good: Sequence[Backup]
) -> tuple[dict[Key, Sort], dict[str, str], int]:
    """What somebody would miss, which kinds the server gave no list of, and how many objects are too young."""
    scope = cluster.scope(BackupSpec(include_cluster_resources=True, excluded_namespaces=tuple(exclude)))
    listed = cluster.inventory(scope, lambda sort: sort.resource not in _MADE_AGAIN)
    newest = max((each.status.start_timestamp for each in good if each.status.start_timestamp), default=None)
    wanted: dict[Key, Sort] = {}
    young = 0
    for sort, items in listed.objects.items():
        for each in items:
            if each.deletion_timestamp or not scope.takes(sort, each.namespace, each.name, each.labels):
                continue
            if _is_made_again(sort, each):
                continue
            if newest and each.creation_timestamp and each.creation_timestamp >= newest:
                young += 1
                continue
            wanted[sort.key(each.namespace, each.name)] = sort
    return wanted, dict(listed.unread), young


def _is_made_again(sort: Sort, item: Metadata) -> bool:
    return item.controlled or _BOOTSTRAP in item.labels or (sort.kind, item.name) in _EVERYWHERE


def _claims(velero: VeleroClient, exclude: Sequence[str], good: Sequence[Backup]) -> set[str]:
    """The bound claims that somebody would miss."""
    newest = max((each.status.start_timestamp for each in good if each.status.start_timestamp), default=None)
    return {
        f"{each.namespace}/{each.name}"
        for each in velero.cluster.list(BY_PLURAL["persistentvolumeclaims"])
        if isinstance(each, PersistentVolumeClaim)
        and each.status.phase == "Bound"
        and each.metadata.deletion_timestamp is None
        and each.metadata.controller() is None
        and each.metadata.labels.get(EXCLUDED_LABEL) != "true"
        and not any(fnmatchcase(each.namespace, pattern) for pattern in exclude)
        and not (newest and each.metadata.creation_timestamp and each.metadata.creation_timestamp >= newest)
    }


def _told(wanted: Mapping[Key, Sort], found: _Held, claims: Collection[str], since: datetime) -> Coverage:
    namespaces: dict[str, list[Key]] = defaultdict(list)
    kinds: dict[str, list[Key]] = defaultdict(list)
    for each, sort in wanted.items():
        if sort.resource == "namespaces":
            namespaces[each.name].append(each)
        elif each.namespace:
            namespaces[each.namespace].append(each)
        else:
            kinds[sort.resource].append(each)
    return Coverage(
        since=since,
        backups=tuple(found.backups),
        namespaces=tuple(_cover(name, keys, found.objects) for name, keys in sorted(namespaces.items())),
        cluster=tuple(_cover(name, keys, found.objects) for name, keys in sorted(kinds.items())),
        claims=tuple(_claim(each, found) for each in sorted(claims)),
    )


def _cover(name: str, keys: Sequence[Key], held: Collection[Key]) -> Cover:
    lacking = sorted(each for each in keys if each not in held)
    return Cover(
        name=name,
        objects=len(keys),
        held=len(keys) - len(lacking),
        lacking=dict(Counter(each.kind for each in lacking).most_common()),
        examples=tuple(str(each) for each in lacking[:_EXAMPLES]),
    )


def _claim(claim: str, found: _Held) -> ClaimCover:
    namespace, _, name = claim.partition("/")
    definition = Key("", "PersistentVolumeClaim", namespace, name) in found.objects
    return ClaimCover(namespace=namespace, name=name, backup=found.claims.get(claim), definition=definition)
