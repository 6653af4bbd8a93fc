"""The scratch namespace that a snapshot is restored into: what is made there, and how all of it goes away again.

Two things lie outside of it: a VolumeSnapshotContent, which belongs to no namespace and leads to the same snapshot of
the storage as the one that is proven, with deletionPolicy Retain, so that its end does not touch that; and the volume
that the driver makes for the claim. Namespace and content carry their own name as a label: what a killed run left is
found by it, and nothing else is ever removed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hubops.backup.volumes.snapshots import API, DRILL, DRILL_OF, MANAGED, MODE, SIZE, Snapshot
from hubops.clients.kube.errors import AlreadyExists, NotServed
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.errors import ConfigError, Permanent
from hubops.model.quantity import size_in_bytes

Manifest = dict[str, Any]

#: What everything in the namespace is called.
NAME = "restored"
_SELECTOR = f"app.kubernetes.io/managed-by=hubops,{DRILL}"
#: Labels and annotations of a VolumeSnapshotContent without which some drivers cannot work with it: the node that has
#: the snapshot (distributed snapshotting), and where the driver's secrets are.
_KEPT = ("snapshot.storage.kubernetes.io/managed-by", "snapshot.storage.kubernetes.io/deletion-secret-name",
         "snapshot.storage.kubernetes.io/deletion-secret-namespace")  # fmt: skip
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_POLL = 0.5  # seconds
#: Finalizers of a snapshot that a claim is just made from, and the seconds that their owners have for taking them off.
_PROTECTING = ("provisioner.storage.kubernetes.io/volumesnapshot-as-source-protection",
               "snapshot.storage.kubernetes.io/volumesnapshot-as-source-protection")  # fmt: skip
_PATIENCE = 3.0


@dataclass(frozen=True)
class Scratch:
    """One scratch namespace, by its name, and the labels that a site asks for."""

    name: str
    site: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, str]:
        return {**self.site, "app.kubernetes.io/name": "hubops-drill", **MANAGED, DRILL: self.name}

    def namespace(self) -> Manifest:
        """It runs nothing that Pod Security would call less than restricted."""
        pods = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
        metadata = {"name": self.name, "labels": {**self.labels, **pods}}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}

    def isolation(self) -> Manifest:
        """What is restored is the application's data: it reaches nobody, and nobody reaches it."""
        spec: Manifest = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        return self._named("networking.k8s.io/v1", "NetworkPolicy") | {"spec": spec}

    def content(self, source: Manifest, of: Snapshot) -> Manifest:
        """The snapshot of the storage that *source*, the VolumeSnapshotContent of *of*, leads to."""
        spec, meta = source["spec"], source["metadata"]
        handle = (source.get("status") or {}).get("snapshotHandle") or spec["source"].get("snapshotHandle")
        if not handle:
            raise Permanent(f"VolumeSnapshotContent {meta['name']} does not say which snapshot of the storage it is")
        own = {key: spec[key] for key in ("driver", "volumeSnapshotClassName", "sourceVolumeMode") if spec.get(key)}
        return {
            "apiVersion": API,
            "kind": "VolumeSnapshotContent",
            "metadata": {
                "name": self.name,
                "labels": {**_kept(meta.get("labels")), **self.labels},
                "annotations": {**_kept(meta.get("annotations")), DRILL_OF: of.id},
            },
            "spec": own
            | {
                "deletionPolicy": "Retain",
                "source": {"snapshotHandle": handle},
                "volumeSnapshotRef": {"namespace": self.name, "name": NAME},
            },
        }

    def snapshot(self, content: Manifest) -> Manifest:
        """The VolumeSnapshot of *content*, which the claim is made from."""
        spec: Manifest = {"source": {"volumeSnapshotContentName": self.name}}
        if name := content["spec"].get("volumeSnapshotClassName"):
            spec["volumeSnapshotClassName"] = name
        return self._named(API, "VolumeSnapshot") | {"spec": spec}

    def claim(self, of: Snapshot, storage_class: str, restore_size: int | None) -> Manifest:
        """A claim of the class that the snapshotted one has, as large as that or as its restore needs."""
        size = max(restore_size or 0, of.size or 0, int(size_in_bytes({"storage": of.annotations.get(SIZE, "0")})))
        spec: Manifest = {
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": of.annotations.get(MODE, "Filesystem"),
            "resources": {"requests": {"storage": str(size or 1)}},
            "dataSource": {"apiGroup": API.partition("/")[0], "kind": "VolumeSnapshot", "name": NAME},
        }
        if storage_class:
            spec["storageClassName"] = storage_class
        return self._named("v1", "PersistentVolumeClaim") | {"spec": spec}

    def _named(self, api_version: str, kind: str) -> Manifest:
        metadata = {"namespace": self.name, "name": NAME, "labels": self.labels}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def new(prefix: str, at: datetime, labels: Mapping[str, str] | None = None) -> Scratch:
    """A scratch namespace that is not there yet. Raises ConfigError for a prefix that cannot begin a name."""
    stamp = at.astimezone(UTC).strftime("%Y%m%dt%H%M%Sz")
    name = f"{prefix}-{stamp}-{secrets.token_hex(3)}"
    if len(name) > 63 or not _LABEL.fullmatch(name):
        raise ConfigError(f"drill.volumes.namespace: {prefix!r} is to be 39 small letters, digits and hyphens at most")
    return Scratch(name, labels or {})


def make(cluster: KubeWriter, scratch: Scratch) -> None:
    """Make the namespace, closed for all traffic. Raises Permanent where there is one of that name."""
    try:
        cluster.create(scratch.namespace())
    except AlreadyExists as error:
        live = cluster.read(scratch.namespace())
        # Asked for twice where the first answer was lost: the label is as random as the name.
        if not live or not _is_own(live, scratch.name):
            raise Permanent(f"namespace {scratch.name} is there already, and hubops has not made it") from error
    cluster.create(scratch.isolation())


def leftovers(cluster: KubeWriter) -> list[Scratch]:
    """What runs that were killed have left."""
    found: set[str] = set()
    for api_version, kind in (("v1", "Namespace"), (API, "VolumeSnapshotContent")):
        try:
            items = cluster.find(api_version, kind, labels=_SELECTOR)
        except NotServed:
            continue
        found |= {item["metadata"]["name"] for item in items if _is_own(item, item["metadata"]["name"])}
    return [Scratch(name) for name in sorted(found)]


def remove(cluster: KubeWriter, scratch: Scratch, say: Callable[[str], None], *, within: float) -> list[str]:
    """Remove all of *scratch*, in the order in which it can go; what is still there after *within* seconds, in words.

    Its namespace is empty then, and on its way; `gone` waits for that. Raises SourceError and ClusterUnreachable where
    the API server does not let it; another call goes on from there.
    """
    removal = _Removal(cluster, scratch, say, Deadline(within))
    return list(removal.run())


def gone(cluster: KubeWriter, scratches: Sequence[Scratch], *, within: float) -> list[str]:
    """Wait until the namespaces of *scratches* are gone; the names of those that are not after *within* seconds."""
    deadline, left = Deadline(within), list(scratches)
    while left := [each for each in left if _is_there(cluster, each)]:
        if not deadline.remaining():
            break
        cluster.deadline.bound(_POLL)
        cluster.deadline.pause(_POLL)
    return [each.name for each in left]


def _is_there(cluster: KubeWriter, scratch: Scratch) -> bool:
    live = cluster.read(scratch.namespace())
    return live is not None and _is_own(live, scratch.name)


@dataclass
class _Removal:
    cluster: KubeWriter
    scratch: Scratch
    say: Callable[[str], None]
    deadline: Deadline

    def run(self) -> Iterator[str]:
        namespace = self.cluster.read(self.scratch.namespace())
        own = namespace if namespace and _is_own(namespace, self.scratch.name) else None
        content = self._retained()
        if own:
            yield from self._gone("Job", self._own("batch/v1", "Job"))
            claims = self._own("v1", "PersistentVolumeClaim")
            volumes = [volume for claim in claims if (volume := self._volume(claim))]
            yield from self._gone("PersistentVolumeClaim", claims)
            yield from self._waited("PersistentVolume", volumes)
            yield from self._gone("VolumeSnapshot", self._own(API, "VolumeSnapshot"))
        if content:
            yield from self._gone("VolumeSnapshotContent", [content])
        if own:
            self.cluster.delete(own)

    def _retained(self) -> Manifest | None:
        """The content, of which it is certain that its end is not that of the snapshot that was proven."""
        try:
            content = self.cluster.read(_bare(API, "VolumeSnapshotContent", self.scratch.name))
        except NotServed:
            return None
        if not content or not _is_own(content, self.scratch.name):
            return None
        if content["spec"].get("deletionPolicy") != "Retain":
            content = self.cluster.replace(content | {"spec": content["spec"] | {"deletionPolicy": "Retain"}})
        return content

    def _own(self, api_version: str, kind: str) -> list[Manifest]:
        labels = f"{DRILL}={self.scratch.name}"
        try:
            return self.cluster.find(api_version, kind, self.scratch.name, labels)
        except NotServed:
            return []

    def _volume(self, claim: Manifest) -> Manifest | None:
        """The volume that was made for *claim*; it is to end with it, whatever its class says of others."""
        name = claim["spec"].get("volumeName")
        volume = self.cluster.read(_bare("v1", "PersistentVolume", name)) if name else None
        if not volume or (volume["spec"].get("claimRef") or {}).get("uid") != claim["metadata"]["uid"]:
            return None
        if volume["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
            spec = volume["spec"] | {"persistentVolumeReclaimPolicy": "Delete"}
            volume = self.cluster.replace(volume | {"spec": spec})
        return volume

    def _gone(self, kind: str, items: list[Manifest]) -> Iterator[str]:
        """Delete *items*, and wait until they are gone."""
        for item in items:
            self.say(f"removing {kind} {item['metadata']['name']}")
            self.cluster.delete(item)
        yield from self._waited(kind, items)

    def _waited(self, kind: str, items: list[Manifest]) -> Iterator[str]:
        """Those of *items* that do not go in time."""
        for item in items:
            patience = Deadline(_PATIENCE)
            while (live := self.cluster.read(item)) and live["metadata"]["uid"] == item["metadata"]["uid"]:
                if not self.deadline.remaining():
                    where = f"{self.scratch.name}/" if item["metadata"].get("namespace") else ""
                    yield f"{kind} {where}{item['metadata']['name']} is still there"
                    break
                if kind == "VolumeSnapshot" and not patience.remaining():
                    self._let_go(live)
                self.cluster.deadline.bound(_POLL)
                self.cluster.deadline.pause(_POLL)

    def _let_go(self, live: Manifest) -> None:
        """Take from a snapshot what protects it while a claim is made from it: that claim is gone.

        Where the claim never came about, the provisioner lets go only many minutes later, and never where it has no
        right to (external-provisioner 6, snapshot_finalizer_controller).
        """
        kept = [each for each in live["metadata"].get("finalizers") or [] if each not in _PROTECTING]
        with suppress(Permanent):  # a conflict: the next look tries again
            self.cluster.replace(live | {"metadata": live["metadata"] | {"finalizers": kept}})


def _bare(api_version: str, kind: str, name: str) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}


def _is_own(item: Mapping[str, Any], name: str) -> bool:
    labels = item["metadata"].get("labels") or {}
    return labels.get(DRILL) == name and MANAGED.items() <= labels.items()


def _kept(marks: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (marks or {}).items() if key in _KEPT}
