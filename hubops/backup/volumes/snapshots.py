"""hubops' own VolumeSnapshots: how one is asked for, found again, and what the cluster says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hubops.clients.kube.writer import KubeWriter
from hubops.errors import SourceError
from hubops.model.quantity import size_in_bytes
from hubops.model.text import inert, redact

Manifest = dict[str, Any]

API = "snapshot.storage.k8s.io/v1"
MANAGED = {"app.kubernetes.io/managed-by": "hubops"}
#: Label of a VolumeSnapshot: the run that asked for it.
BACKUP = "hubops.io/backup"
#: Label of all that a drill makes: its run. A VolumeSnapshotContent has the annotation beside it: whose copy it is.
DRILL = "hubops.io/drill"
DRILL_OF = "hubops.io/drill-of"
OWN = f"app.kubernetes.io/managed-by=hubops,{BACKUP}"
#: Annotations of a VolumeSnapshot: the claim as it was, for a restore on the day when it is gone.
CLASS, SIZE, MODE = "hubops.io/claim-class", "hubops.io/claim-size", "hubops.io/claim-mode"

_NAME = 253  # characters: a DNS subdomain
_WORDS = 300  # characters of a driver's error


@dataclass(frozen=True)
class Snapshot:
    """A VolumeSnapshot of hubops as it is."""

    namespace: str
    name: str
    uid: str
    claim: str
    run: str
    asked_at: datetime  # by the API server's clock
    taken_at: datetime  # the earlier of that and the driver's own time: what is in it is no younger
    ready: bool
    leaving: bool  # is being deleted
    error: str
    size: int | None  # that a restore needs, in bytes
    content: str
    snapshot_class: str
    annotations: Mapping[str, str]

    @property
    def id(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def of(self) -> tuple[str, str]:
        """The namespace and name of the claim."""
        return self.namespace, self.claim

    def ref(self) -> Manifest:
        """It by its name and uid: another of that name is not it."""
        metadata = {"namespace": self.namespace, "name": self.name, "uid": self.uid}
        return {"apiVersion": API, "kind": "VolumeSnapshot", "metadata": metadata}


def snapshot_of(item: Mapping[str, Any]) -> Snapshot:
    """The VolumeSnapshot *item* of hubops."""
    meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    asked = datetime.fromisoformat(meta["creationTimestamp"])
    driver = status.get("creationTime")
    size = status.get("restoreSize")
    return Snapshot(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        claim=(spec.get("source") or {}).get("persistentVolumeClaimName") or "",
        run=(meta.get("labels") or {}).get(BACKUP, ""),
        asked_at=asked,
        taken_at=min(asked, datetime.fromisoformat(driver)) if driver else asked,
        ready=status.get("readyToUse") is True,
        leaving="deletionTimestamp" in meta,
        error=words((status.get("error") or {}).get("message") or ""),
        size=_bytes(size),
        content=status.get("boundVolumeSnapshotContentName") or "",
        snapshot_class=spec.get("volumeSnapshotClassName") or "",
        annotations=meta.get("annotations") or {},
    )


def own(cluster: KubeWriter, namespace: str | None = None) -> list[Snapshot]:
    """All that hubops has asked for and that are there, newest first. Raises NotServed."""
    found = [snapshot_of(item) for item in cluster.find(API, "VolumeSnapshot", namespace, OWN)]
    return sorted(found, key=lambda each: (each.asked_at, each.id), reverse=True)


def in_drills(cluster: KubeWriter) -> set[str]:
    """The ids of snapshots that a drill is just restoring."""
    contents = cluster.find(API, "VolumeSnapshotContent", labels=DRILL)
    marks = ((item["metadata"].get("annotations") or {}).get(DRILL_OF) for item in contents)
    return {mark for mark in marks if mark}


def manifest(
    namespace: str, claim: str, snapshot_class: str, annotations: Mapping[str, str], *, run: str, at: datetime
) -> Manifest:
    """A VolumeSnapshot of *claim* for the run *run*."""
    return {
        "apiVersion": API,
        "kind": "VolumeSnapshot",
        "metadata": {
            "namespace": namespace,
            "name": name_of(claim, at),
            "labels": {**MANAGED, BACKUP: run},
            "annotations": dict(annotations),
        },
        "spec": {"volumeSnapshotClassName": snapshot_class, "source": {"persistentVolumeClaimName": claim}},
    }


def name_of(claim: str, at: datetime) -> str:
    """The claim and the time; of a claim with a very long name its beginning and a mark of the whole."""
    stamp = at.astimezone(UTC).strftime("%Y%m%dt%H%M%Sz")
    longest = _NAME - len(stamp) - 1
    if len(claim) > longest:
        mark = hashlib.sha256(claim.encode()).hexdigest()[:8]
        claim = f"{claim[: longest - len(mark) - 1].rstrip('-.')}-{mark}"
    return f"{claim}-{stamp}"


def words(message: str) -> str:
    """A driver's error on one line."""
    return inert(redact(message), limit=_WORDS)


def warnings(cluster: KubeWriter, namespace: str, names: Iterable[str]) -> str:
    """The latest warning about objects of these *names*; nothing where there is none, or it cannot be read."""
    wanted = set(names)
    try:
        events = cluster.find("v1", "Event", namespace)
    except SourceError:
        return ""
    about = [each for each in events if each.get("type") == "Warning" and each["involvedObject"].get("name") in wanted]
    newest = max(about, key=_seen, default=None)
    return words(f"{newest.get('reason', '')}: {newest.get('message', '')}") if newest else ""


def _seen(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((each for each in times if each), event["metadata"].get("creationTimestamp") or "")


def _bytes(size: Any) -> int | None:
    """A quantity of the API in bytes; 0 is how drivers say that they do not know."""
    return int(size_in_bytes({"storage": str(size)})) or None if size is not None else None
