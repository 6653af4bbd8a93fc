"""Whether the workloads of a component run as they were asked to, and in plain words what is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hubops.bootstrap.record import refs
from hubops.clients.kube.writer import KubeWriter
from hubops.model.text import inert

Manifest = Mapping[str, Any]
#: Kinds that have pods.
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
#: Kinds that are waited for and live in namespaces, which a chart need not name.
IN_NAMESPACES = (*WORKLOADS, "PersistentVolumeClaim")


def ends_by_itself(item: Manifest) -> bool:
    """Whether *item* is a Job that the cluster deletes some time after it has ended: that it is gone means nothing."""
    return item["kind"] == "Job" and (item.get("spec") or {}).get("ttlSecondsAfterFinished") is not None


def waits_for(cluster: KubeWriter, objects: Iterable[Manifest]) -> list[str]:
    """What of *objects* is not ready yet, each in a few words; empty when all are. Raises SourceError."""
    found = []
    for item in objects:
        if judge := _JUDGES.get(item["kind"]):
            [ref] = refs([item])
            live = cluster.read(dict(ref.item()))
            if live is None:
                found += [] if ends_by_itself(item) else [f"{ref} is missing"]
            else:
                found += [f"{ref}: {each}" for each in judge(live)]
    return found


def _deployment(live: Manifest) -> Iterator[str]:
    spec, status = live["spec"], live.get("status") or {}
    wanted = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        yield "its change has not been looked at yet"
        return
    if failed := _condition(live, "ReplicaFailure", "True"):
        yield failed
    updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    if ready < wanted:
        yield f"{ready} of {wanted} pods ready"
    elif updated < wanted:
        yield f"{updated} of {wanted} pods updated"
    elif status.get("replicas", 0) > wanted:
        yield f"{status['replicas'] - wanted} old pods still end"


def _stateful_set(live: Manifest) -> Iterator[str]:
    spec, status = live["spec"], live.get("status") or {}
    wanted = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        yield "its change has not been looked at yet"
    elif status.get("readyReplicas", 0) < wanted:
        yield f"{status.get('readyReplicas', 0)} of {wanted} pods ready"
    elif status.get("updateRevision") != status.get("currentRevision") and status.get("updatedReplicas", 0) < wanted:
        yield f"{status.get('updatedReplicas', 0)} of {wanted} pods updated"


def _daemon_set(live: Manifest) -> Iterator[str]:
    status = live.get("status") or {}
    wanted = status.get("desiredNumberScheduled", 0)
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        yield "its change has not been looked at yet"
    elif min(status.get("numberReady", 0), status.get("updatedNumberScheduled", 0)) < wanted:
        yield f"{min(status.get('numberReady', 0), status.get('updatedNumberScheduled', 0))} of {wanted} pods ready"


def _job(live: Manifest) -> Iterator[str]:
    if failed := _condition(live, "Failed", "True"):
        yield f"failed: {failed}"
    elif not _has(live, "Complete", "True"):
        yield "not complete"


def _claim(live: Manifest) -> Iterator[str]:
    if (live.get("status") or {}).get("phase") == "Lost":
        yield "its volume is lost"


def _definition(live: Manifest) -> Iterator[str]:
    if refused := _condition(live, "NamesAccepted", "False"):
        yield refused
    elif not _has(live, "Established", "True"):
        yield "not served yet"


def _api_service(live: Manifest) -> Iterator[str]:
    if not _has(live, "Available", "True"):
        yield _condition(live, "Available", "False") or "not available yet"


_JUDGES: Mapping[str, Callable[[Manifest], Iterator[str]]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "PersistentVolumeClaim": _claim,
    "CustomResourceDefinition": _definition,
    "APIService": _api_service,
}


def _has(live: Manifest, kind: str, status: str) -> bool:
    conditions = (live.get("status") or {}).get("conditions") or []
    return any(each.get("type") == kind and each.get("status") == status for each in conditions)


def _condition(live: Manifest, kind: str, status: str) -> str:
    """The words of the condition *kind* where it is *status*, else nothing."""
    for each in (live.get("status") or {}).get("conditions") or []:
        if each.get("type") == kind and each.get("status") == status:
            return inert(each.get("message") or each.get("reason") or kind, limit=200)
    return ""
