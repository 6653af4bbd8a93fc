"""The journal of backups and drills: the two ConfigMaps that hubops keeps it in, and no other."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from hubops.collect.part import Part, nothing
from hubops.config.backup import BackupConfig
from hubops.errors import ClusterUnreachable, SourceError
from hubops.journal.entries import KINDS, NAMESPACE, decode, map_name
from hubops.journal.promises import configured
from hubops.model.backup import Recorded

EVIDENCE = "journal"


class Cluster(Protocol):
    """The part of the Kubernetes client that reads one ConfigMap."""

    def config_map(self, namespace: str, name: str) -> dict[str, Any] | None: ...


def read_journal(client: Cluster, config: BackupConfig) -> Part:
    """What is recorded, and what *config* promises; a cluster that hubops never wrote to has an empty journal."""
    try:
        maps = [found for kind in KINDS if (found := client.config_map(NAMESPACE, map_name(kind)))]
    except (SourceError, ClusterUnreachable) as error:
        return nothing([EVIDENCE], str(error))
    recorded = decode(maps)
    journal = msgspec.structs.replace(
        recorded,
        configured=configured(config),
        excluded=config.volumes.exclude if config.volumes else (),
        excluded_from_velero=config.velero.exclude if config.velero else (),
    )
    return Part(journal=journal, read=(EVIDENCE,), remarks=_remarks(recorded))


def joined(objects: Part, journal: Part) -> Part:
    """What the API server gave of both: *objects* with the *journal*."""
    return msgspec.structs.replace(
        objects,
        journal=journal.journal,
        read=(*objects.read, *journal.read),
        unread={**objects.unread, **journal.unread},
        remarks=(*objects.remarks, *journal.remarks),
    )


def _remarks(recorded: Recorded) -> tuple[str, ...]:
    if not recorded.unreadable:
        return ()
    first, count = recorded.unreadable[0], len(recorded.unreadable)
    where = f"ConfigMap {NAMESPACE}/{map_name(first.kind)}, {first.name}: {first.reason}"
    return (f"{count} records of the journal cannot be read, the first {where}" if count > 1 else where,)
