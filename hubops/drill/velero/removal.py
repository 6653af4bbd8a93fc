"""All that a drill has made goes away again, also what one left that was killed: it is found by its label.

First the Restore, whose end has to be awaited: while Velero works at it, it would make a namespace anew that is gone,
without the labels that tell whose it is. Then the namespaces, with the volumes of their claims. The ConfigMap that
names them goes last, once nothing else is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hubops.clients.kube.errors import NotServed
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.clients.velero import Say, VeleroClient
from hubops.drill.velero.scratch import MANAGED, MARK, NAME, NAMESPACES
from hubops.errors import Permanent
from hubops.model.text import inert
from hubops.model.velero import RESTORE_LABEL, WAITING, Restore, label_value

Manifest = dict[str, Any]

_SELECTOR = f"app.kubernetes.io/managed-by={MANAGED['app.kubernetes.io/managed-by']},{MARK}"
_SNAPSHOTS = "snapshot.storage.k8s.io/v1"
_POLL = 0.5  # seconds
#: Seconds that Velero has for ending a restore that nobody wants any more. A server that is gone never does, and what
#: it has restored is not to run on: its namespaces go, and the ConfigMap stays until the Restore is gone, too.
ENDING = 300.0


@dataclass
class Left:
    """What a drill has made and is still there. `since`: when its ConfigMap was made."""

    id: str
    namespaces: list[Manifest] = field(default_factory=list)
    named: set[str] = field(default_factory=set)  # that its ConfigMap names
    restores: list[Restore] = field(default_factory=list)
    record: Manifest | None = None

    @property
    def name(self) -> str:
        return f"{NAME}-{self.id}"

    @property
    def since(self) -> datetime | None:
        return _created(self.record) if self.record else None


def leftovers(cluster: KubeWriter, velero: VeleroClient) -> list[Left]:
    """What drills have made and is still there. Whoever holds the lock knows that none of it is in use."""
    found: defaultdict[str, Left] = defaultdict(lambda: Left(""))
    for kind, namespace in (("ConfigMap", velero.namespace), ("Namespace", None)):
        for item in cluster.find("v1", kind, namespace, _SELECTOR):
            left = _of(found, item["metadata"]["labels"][MARK])
            if kind == "Namespace":
                left.namespaces.append(item)
                continue
            left.record = item
            left.named |= set(filter(None, (item["metadata"].get("annotations") or {}).get(NAMESPACES, "").split(",")))
    try:
        for restore in velero.restores(_SELECTOR):
            _of(found, restore.metadata.labels[MARK]).restores.append(restore)
    except NotServed:
        pass  # Velero was removed meanwhile, and its Restores with it
    for left in found.values():
        _recreated(cluster, left)
    return sorted(found.values(), key=lambda left: left.id)


def _of(found: defaultdict[str, Left], own: str) -> Left:
    found[own].id = own
    return found[own]


def _recreated(cluster: KubeWriter, left: Left) -> None:
    """Namespaces that Velero has made anew, after the drill's own were gone: as in the backup, without its labels."""
    known = {each["metadata"]["name"] for each in left.namespaces}
    for name in sorted(left.named - known):
        live = cluster.read({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        if live and left.since and _created(live) > left.since:
            left.namespaces.append(live)


def remove(cluster: KubeWriter, velero: VeleroClient, left: Left, say: Say, *, within: float) -> list[str]:
    """Remove all of *left*; what is still there after *within* seconds, in words.

    Raises as the client does where the API server does not let it; another call goes on from there.
    """
    return list(_Removal(cluster, velero, left, say, Deadline(within), Deadline(min(ENDING, within))).run())


@dataclass
class _Removal:
    cluster: KubeWriter
    velero: VeleroClient
    left: Left
    say: Say
    deadline: Deadline
    ending: Deadline

    def run(self) -> Iterator[str]:
        for restore in self.left.restores:
            self._end(restore)
        volumes = self._volumes()
        for each in self.left.namespaces:
            if "deletionTimestamp" not in each["metadata"]:
                self.cluster.delete(each)
        said = [*self._namespaces(), *self._contents(), *self._gone(volumes), *self._restores()]
        yield from said
        if not said and self.left.record:
            self.cluster.delete(self.left.record)

    def _end(self, restore: Restore) -> None:
        """Delete it, and wait until Velero works at it no more."""
        self.velero.delete(restore)
        while (live := self.velero.get(Restore, restore.name)) and live.metadata.uid == restore.metadata.uid:
            if live.ended or live.phase in WAITING or not self.ending.remaining():
                return
            self.say(f"waiting until Velero has ended the restore, which is {live.phase}")
            self._pause()

    def _volumes(self) -> list[Manifest]:
        """The volumes that were made for the claims in the namespaces; they are to end with these."""
        names = {*self.left.named, *(each["metadata"]["name"] for each in self.left.namespaces)}
        volumes = self.cluster.find("v1", "PersistentVolume")
        return [
            self._ending(each) for each in volumes if (each["spec"].get("claimRef") or {}).get("namespace") in names
        ]

    def _ending(self, volume: Manifest) -> Manifest:
        """*volume*, to be deleted with its claim; one that was there before the drill is left as it is."""
        of_restore = (volume["metadata"].get("labels") or {}).get(RESTORE_LABEL) == label_value(self.left.name)
        younger = self.left.since is not None and _created(volume) >= self.left.since
        if not (of_restore or younger) or volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            return volume
        return self.cluster.replace(volume | {"spec": volume["spec"] | {"persistentVolumeReclaimPolicy": "Delete"}})

    def _namespaces(self) -> Iterator[str]:
        for each in self.left.namespaces:
            while live := self._live(each):
                if not self.deadline.remaining():
                    yield f"namespace {each['metadata']['name']} is still there{_stuck(live)}"
                    break
                self.say(f"waiting until namespace {each['metadata']['name']} is gone{_stuck(live)}")
                self._pause()

    def _contents(self) -> Iterator[str]:
        """The VolumeSnapshotContents that Velero made; they lead to snapshots of the backup, and retain these."""
        labels = f"{RESTORE_LABEL}={label_value(self.left.name)}"
        try:
            found = self.cluster.find(_SNAPSHOTS, "VolumeSnapshotContent", labels=labels)
        except NotServed:
            return
        for each in found:
            name = each["metadata"]["name"]
            if each["spec"].get("deletionPolicy") != "Retain":
                yield f"VolumeSnapshotContent {name} would take the snapshot with it, and stays"
            else:
                self.cluster.delete(each)

    def _gone(self, volumes: list[Manifest]) -> Iterator[str]:
        for each in volumes:
            while live := self._live(each):
                kept = live["spec"].get("persistentVolumeReclaimPolicy") != "Delete"
                if kept or not self.deadline.remaining():
                    yield f"PersistentVolume {each['metadata']['name']} is still there"
                    break
                self.say(f"waiting until PersistentVolume {each['metadata']['name']} is gone")
                self._pause()

    def _restores(self) -> Iterator[str]:
        for each in self.left.restores:
            while (live := self.velero.get(Restore, each.name)) and live.metadata.uid == each.metadata.uid:
                if not self.ending.remaining():
                    why = "Velero has not ended it" if not live.ended else "Velero removes it from its store first"
                    yield f"Restore {self.velero.namespace}/{each.name} is deleted and still there: {why}"
                    break
                self.say(f"waiting until Velero has removed Restore {each.name}")
                self._pause()

    def _live(self, item: Manifest) -> Manifest | None:
        live = self.cluster.read(item)
        return live if live and live["metadata"]["uid"] == item["metadata"]["uid"] else None

    def _pause(self) -> None:
        self.cluster.deadline.bound(_POLL)
        self.cluster.deadline.pause(_POLL)


def own(cluster: KubeWriter, velero: VeleroClient, of: str) -> Left | None:
    """What the drill *of* that id has made and is still there; None where nothing is."""
    return next((left for left in leftovers(cluster, velero) if left.id == of), None)


def _created(item: Manifest) -> datetime:
    at = item["metadata"].get("creationTimestamp")
    if not at:
        raise Permanent(f"{item.get('kind')} {item['metadata'].get('name')} has no creationTimestamp")
    return datetime.fromisoformat(at).astimezone(UTC)


def _stuck(namespace: Manifest) -> str:
    """What keeps it from going, in the cluster's own words."""
    conditions = (namespace.get("status") or {}).get("conditions") or ()
    telling = [each for each in conditions if each.get("status") == "True" and each.get("message")]
    said = "; ".join(inert(str(each["message"]), limit=200) for each in telling)
    return f": {said}" if said else ""
