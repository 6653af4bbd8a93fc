"""One snapshot becomes a claim in a scratch namespace, and a Job mounts it: step by step, each with its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hubops.backup.volumes import snapshots
from hubops.backup.volumes.snapshots import API, CLASS, MODE, Snapshot
from hubops.clients.kube.errors import AlreadyExists
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config.backup import VolumeDrillConfig
from hubops.drill.volumes import scratch as volume_scratch
from hubops.drill.volumes.job import job
from hubops.drill.volumes.scratch import NAME, Scratch
from hubops.errors import Permanent
from hubops.model.quantity import human_duration

Manifest = dict[str, Any]

#: Seconds that an error may stand before it is believed: drivers and controllers try again.
_ERRING = 60.0
#: Seconds after which a Job without a pod, and with a warning why, is given up: the controller's first attempts fail
#: at times because the namespace is new.
_PODLESS = 20.0
#: Seconds that the Job's own end comes after the drill's, which can say more: it is for a drill that was killed.
_AFTER = 30
_PAUSES = (0.5, 3.0)  # seconds between two looks: the first, and the longest


@dataclass(frozen=True)
class Restore:
    """What is to be restored, and where."""

    scratch: Scratch
    snapshot: Snapshot
    settings: VolumeDrillConfig

    @property
    def block(self) -> bool:
        return self.snapshot.annotations.get(MODE) == "Block"


@dataclass(frozen=True)
class Came:
    """How it went: the Job has ended."""

    steps: Mapping[str, float]  # seconds of: snapshot, mount, look
    exit_code: int
    message: str  # that the Job has left, or its last lines
    block: bool

    @property
    def rto_s(self) -> float:
        """From the beginning until the Job had the volume: what looks at it is no part of a restore."""
        return self.steps["snapshot"] + self.steps["mount"]


def restored(cluster: KubeWriter, restore: Restore, say: Callable[[str], None]) -> Came:
    """Restore and look. Raises Permanent in the words of whoever refuses; what was made is for the caller to remove."""
    return _Run(cluster, restore, say, Deadline(restore.settings.timeout.total_seconds())).run()


@dataclass
class _Run:
    cluster: KubeWriter
    restore: Restore
    say: Callable[[str], None]
    deadline: Deadline
    steps: dict[str, float] = field(default_factory=dict)

    def run(self) -> Came:
        scratch, snapshot = self.restore.scratch, self.restore.snapshot
        content = {"apiVersion": API, "kind": "VolumeSnapshotContent", "metadata": {"name": snapshot.content}}
        source = self.cluster.read(content) if snapshot.content else None
        if source is None:
            raise Permanent(f"the VolumeSnapshotContent of {snapshot.id} is not there")
        began = time.monotonic()
        volume_scratch.make(self.cluster, scratch)
        content = scratch.content(source, snapshot)
        self._make(content)
        self._make(scratch.snapshot(content))
        size = self._snapshot(scratch.snapshot(content))
        self.steps["snapshot"] = _since(began)
        return self._look(scratch, snapshot, size)

    def _make(self, item: Manifest) -> None:
        try:
            self.cluster.create(item)
        except AlreadyExists:
            live = self.cluster.read(item)  # asked for twice where the first answer was lost
            if not live or live["metadata"].get("labels") != item["metadata"]["labels"]:
                raise

    def _snapshot(self, item: Manifest) -> int | None:
        """Wait until the snapshot is ready in the scratch namespace; the size that it says a restore needs."""
        self.say("waiting until the driver knows the snapshot")
        erring: float | None = None
        for _ in self._looks():
            live = self.cluster.read(item) or {}
            status = live.get("status") or {}
            if status.get("readyToUse"):
                return snapshots.snapshot_of(live).size
            error = snapshots.words((status.get("error") or {}).get("message") or "")
            if error:
                self.say(f"the driver tries again: {error}")
            erring = (erring or time.monotonic()) if error else None
            if erring and time.monotonic() - erring > _ERRING:
                raise Permanent(f"its driver does not give the snapshot: {error}")
        said = error or snapshots.warnings(self.cluster, self.restore.scratch.name, (NAME,)) or "nobody says why"
        raise Permanent(f"its driver did not give the snapshot within {self._waited()}: {said}")

    def _look(self, scratch: Scratch, snapshot: Snapshot, size: int | None) -> Came:
        began = time.monotonic()
        claim = scratch.claim(snapshot, snapshot.annotations.get(CLASS, ""), size)
        seconds = int(self.deadline.remaining()) + _AFTER
        wanted = job(
            NAME, scratch.name, scratch.labels, NAME, self.restore.settings, block=self.restore.block, seconds=seconds
        )
        self._make(claim)
        self._make(wanted)
        running: float | None = None
        words = ""
        for _ in self._looks():
            pod = self._pod()
            words = self._refused(began, wanted) if pod is None else _state(pod) or self._warned()
            ended = _ended(pod) if pod else None
            if running is None and pod and (ended or _is_running(pod)):
                running = time.monotonic()
                self.steps["mount"] = max(round(running - began - (_took(ended) if ended else 0.0), 1), 0.0)
            if ended:
                self.steps["look"] = max(_took(ended), _since(running or began))
                return Came(
                    dict(self.steps),
                    int(ended.get("exitCode", -1)),
                    ended.get("message") or ended.get("reason") or "",
                    self.restore.block,
                )
            if failed := self._failed(wanted):
                raise Permanent(f"the Job that was to look at it failed: {failed}{f' ({words})' if words else ''}")
            self.say("the Job looks at what was restored" if running else words or "waiting for its volume and its pod")
        said = self._warned() or words or ("its pod waits, and nobody says why" if self._pod() else "it has no pod")
        raise Permanent(f"not restored within {self._waited()}: {said}")

    def _pod(self) -> Manifest | None:
        labels = f"{snapshots.DRILL}={self.restore.scratch.name}"
        pods = self.cluster.find("v1", "Pod", self.restore.scratch.name, labels)
        return pods[0] if pods else None

    def _warned(self) -> str:
        """The latest warning about the claim, the Job or its pod."""
        pod = self._pod()
        names = (NAME, pod["metadata"]["name"]) if pod else (NAME,)
        return snapshots.warnings(self.cluster, self.restore.scratch.name, names)

    def _refused(self, began: float, wanted: Manifest) -> str:
        """Why there is no pod yet. Raises Permanent once that is no matter of time."""
        said = snapshots.warnings(self.cluster, wanted["metadata"]["namespace"], (NAME,))
        if said.startswith("FailedCreate:") and time.monotonic() - began > _PODLESS:
            raise Permanent(f"the cluster refuses the pod that was to look at it: {said.partition(': ')[2]}")
        return said

    def _failed(self, wanted: Manifest) -> str:
        live = self.cluster.read(wanted)
        if live is None:
            return "it was deleted"
        for each in (live.get("status") or {}).get("conditions") or []:
            if each.get("type") == "Failed" and each.get("status") == "True":
                return snapshots.words(f"{each.get('reason', '')}: {each.get('message', '')}")
        return ""

    def _looks(self) -> Iterator[None]:
        """Once at least, then again and again until the time is over."""
        pause = _PAUSES[0]
        while True:
            yield
            if not self.deadline.remaining():
                return
            self.cluster.deadline.pause(min(pause, self.deadline.remaining()))
            pause = min(pause * 1.3, _PAUSES[1])

    def _waited(self) -> str:
        return human_duration(timedelta(seconds=self.restore.settings.timeout.total_seconds()))


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)


def _container(pod: Manifest) -> Mapping[str, Any]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    return statuses[0].get("state") or {}


def _ended(pod: Manifest) -> Mapping[str, Any] | None:
    return _container(pod).get("terminated")


def _is_running(pod: Manifest) -> bool:
    return "running" in _container(pod)


def _took(ended: Mapping[str, Any]) -> float:
    """Seconds between its start and its end, as the kubelet has them."""
    try:
        span = datetime.fromisoformat(ended["finishedAt"]) - datetime.fromisoformat(ended["startedAt"])
    except (KeyError, ValueError):
        return 0.0
    return max(span.total_seconds(), 0.0)


def _state(pod: Manifest) -> str:
    """What the pod waits for."""
    if waiting := _container(pod).get("waiting"):
        return snapshots.words(f"{waiting.get('reason', 'waiting')} {waiting.get('message', '')}".strip())
    for each in (pod.get("status") or {}).get("conditions") or []:
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            return snapshots.words(f"{each.get('reason', '')}: {each.get('message', '')}")
    return ""
