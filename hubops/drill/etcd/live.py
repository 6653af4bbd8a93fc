"""What was restored beside the etcd that lives, where that can be reached and is the one that was copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hubops.clients.etcd import Etcdctl
from hubops.clients.etcd_keys import AllKeys, Endpoint, Header, newest
from hubops.clients.retry import Deadline
from hubops.config.backup import EtcdBackupConfig
from hubops.drill.etcd.compare import Comparison
from hubops.drill.etcd.compare import compare as compare_keys
from hubops.drill.etcd.restored import Restored
from hubops.errors import HubopsError, Permanent, SourceError
from hubops.model.backup import Copy
from hubops.model.etcd_keys import Entry, Names

#: Seconds that one member of live etcd has to answer.
_PATIENCE = 15.0


@dataclass(frozen=True)
class Found:
    """What was compared; `problem` says why not all of it was, `behind` how many revisions the copy is old."""

    comparison: Comparison
    behind: int | None = None
    problem: str | None = None


class _Lost(Exception):
    """Live etcd could not be read any further."""


class _LiveKeys(AllKeys):
    """Tells apart which of the two sides could not be read."""

    def __iter__(self) -> Iterator[Entry]:
        try:
            yield from super().__iter__()
        except SourceError as error:
            raise _Lost(str(error)) from error


def compare(restored: Restored, settings: EtcdBackupConfig, copy: Copy, names: Names, deadline: Deadline) -> Found:
    """Compare every key. Raises SourceError where what was restored cannot be read."""
    try:
        endpoint, header = _reach(settings)
        behind = _distance(header, copy)
    except HubopsError as error:
        return Found(restored.count(names, deadline), problem=f"not compared with live etcd: {error}")
    result = Comparison()
    try:
        # At the copy's own revision, where etcd still has that.
        keys = _LiveKeys(endpoint, copy.etcd.revision, deadline)
        compare_keys(restored.keys(deadline), keys, copy.etcd.revision, names, into=result)
    except _Lost as error:
        counted = restored.count(names, deadline)
        counted.differences, counted.differences_total = result.differences, result.differences_total
        counted.equal, counted.changed = result.equal, result.changed
        return Found(counted, behind, f"compared with live etcd only in part: {error}")
    return Found(result, behind)


def _reach(settings: EtcdBackupConfig) -> tuple[Endpoint, Header]:
    """The member to be read, and what it says of the cluster. Raises HubopsError where none answers."""
    etcdctl = Etcdctl(settings)
    endpoint = Endpoint(etcdctl, etcdctl.first().endpoint)
    return endpoint, newest(endpoint, Deadline(_PATIENCE))


def _distance(header: Header, copy: Copy) -> int:
    """By how many revisions the copy is behind. Raises Permanent where the two have no history in common."""
    if f"{header.cluster_id:x}" != copy.etcd.cluster_id.lower().lstrip("0"):
        raise Permanent(f"it is cluster {header.cluster_id:x}, the copy is of cluster {copy.etcd.cluster_id}")
    if header.revision < copy.etcd.revision:
        said = f"it is at revision {header.revision}, before the copy's {copy.etcd.revision}"
        raise Permanent(f"{said}; it was restored from an older copy itself")
    return header.revision - copy.etcd.revision
