"""Restored workloads, until they are ready: those whose pods are to run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hubops.backup.volumes import snapshots
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.drill.velero.objects import Key
from hubops.model.text import inert

Manifest = dict[str, Any]

_KINDS = {
    "deployments.apps": ("apps/v1", "Deployment"),
    "statefulsets.apps": ("apps/v1", "StatefulSet"),
    "replicasets.apps": ("apps/v1", "ReplicaSet"),
    "replicationcontrollers": ("v1", "ReplicationController"),
}
_PAUSES = (0.5, 3.0)  # seconds between two looks: the first, and the longest


@dataclass(frozen=True)
class Awaited:
    """How it went: `ready` workloads, those that are not with the reason, and how long the last one took."""

    ready: int
    unready: Mapping[str, str]
    took_s: float


def awaited(
    cluster: KubeWriter,
    mapping: Mapping[str, str],
    resting: Mapping[Key, str],
    say: Callable[[str], None],
    deadline: Deadline,
) -> Awaited:
    """Wait until all workloads in the namespaces of *mapping* are ready, but for those that are *resting*."""
    began = time.monotonic()
    pause, longest = _PAUSES
    while True:
        found = list(_workloads(cluster, mapping, resting))
        unready = [(key, item) for key, item in found if not _is_ready(item)]
        if not unready or not deadline.remaining():
            break
        say(f"waiting for {len(unready)} of {len(found)} workloads: {_title(*unready[0])}")
        cluster.deadline.bound(pause)
        deadline.pause(pause)
        pause = min(pause * 1.3, longest)
    reasons = {_title(key, item): _why(cluster, mapping[key.namespace], item) for key, item in unready}
    return Awaited(len(found) - len(unready), reasons, time.monotonic() - began)


def _workloads(
    cluster: KubeWriter, mapping: Mapping[str, str], resting: Mapping[Key, str]
) -> Iterator[tuple[Key, Manifest]]:
    """Those that are to have pods and are nobody's own; a ReplicaSet of a Deployment is looked at as that."""
    for namespace, scratch in mapping.items():
        for resource, (api_version, kind) in _KINDS.items():
            for item in cluster.find(api_version, kind, scratch):
                key = Key(resource, namespace, item["metadata"]["name"])
                if _replicas(item) and key not in resting and not item["metadata"].get("ownerReferences"):
                    yield key, item


def _replicas(item: Manifest) -> int:
    wanted = item["spec"].get("replicas")
    return 1 if wanted is None else int(wanted)


def _is_ready(item: Manifest) -> bool:
    status, wanted = item.get("status") or {}, _replicas(item)
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return False
    fields = ("updatedReplicas", "availableReplicas") if item["kind"] == "Deployment" else ("readyReplicas",)
    return all(status.get(each, 0) >= wanted for each in fields)


def _title(key: Key, item: Manifest) -> str:
    return f"{item['kind']} {key.namespace}/{key.name}"


def _why(cluster: KubeWriter, scratch: str, item: Manifest) -> str:
    """Why it is not ready, in the words of whoever knows best: its pods, itself, a warning about it."""
    labels = (item["spec"].get("selector") or {}) if item["kind"] == "ReplicationController" else _labels(item)
    pods = cluster.find("v1", "Pod", scratch, ",".join(f"{key}={value}" for key, value in labels.items()))
    said = next((why for pod in pods if (why := _of_pod(cluster, scratch, pod))), "")
    return said or _of_itself(item) or snapshots.warnings(cluster, scratch, (item["metadata"]["name"],)) or "no reason"


def _labels(item: Manifest) -> Mapping[str, str]:
    found: Mapping[str, str] = (item["spec"].get("selector") or {}).get("matchLabels") or {}
    return found


def _of_itself(item: Manifest) -> str:
    conditions = (item.get("status") or {}).get("conditions") or ()
    for each in conditions:
        if (each.get("type") == "ReplicaFailure") == (each.get("status") == "True") and each.get("message"):
            return inert(f"{each.get('reason', '')}: {each['message']}", limit=300)
    return ""


def _of_pod(cluster: KubeWriter, scratch: str, pod: Manifest) -> str:
    status, name = pod.get("status") or {}, pod["metadata"]["name"]
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (each.get("state") or {}).get("waiting") or {}
        if reason := waiting.get("reason"):
            return inert(f"pod {name}: {reason}: {waiting.get('message', '')}", limit=300)
    for each in status.get("conditions") or ():
        if each.get("status") == "False" and each.get("message"):
            return inert(f"pod {name}: {each['message']}", limit=300)
    warned = snapshots.warnings(cluster, scratch, (name,))
    return f"pod {name}: {warned}" if warned else ""
