"""What a fault is: it makes one thing wrong, says what hubops must report of it, and puts it right again."""

from __future__ import annotations

import abc
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.testbed.api import Object
from tests.testbed.process import poll

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed


@dataclass(frozen=True)
class Expected:
    """The finding that must be there: its check, its object, and a word of its cause (in summary or evidence).

    An empty name is any: the ids of silences are Alertmanager's choice.
    """

    check: str
    kind: str
    namespace: str | None
    name: str
    cause: str


@dataclass(frozen=True)
class Fault(abc.ABC):
    """*name* is the id of the check, with a variant after a slash when there is more than one way.

    *also* are the checks that rightly fire as well: consequences, or the same thing seen from another side.
    """

    name: str
    expect: Expected
    also: tuple[str, ...]

    @abc.abstractmethod
    def inject(self, bed: Testbed) -> None:
        """Make it wrong; returns when hubops could see it."""

    @abc.abstractmethod
    def clear(self, bed: Testbed) -> None:
        """Put it right; returns when no trace is left. Works after an inject that failed half-way, too."""


def remove(bed: Testbed, *objects: Object) -> None:
    """Delete objects, wait until what the controllers made of them is gone, and forget the events about any of it."""
    for obj in objects:
        bed.api.delete(obj)
    for obj in objects:
        _wait_gone(bed, obj)
        bed.api.forget_events(obj["metadata"].get("namespace", "default"), obj["metadata"]["name"])


def _wait_gone(bed: Testbed, obj: Object) -> None:
    kind, name, namespace = obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace")
    poll(lambda: bed.api.get(kind, namespace, name) is None, f"{kind} {name} gone")
    if kind in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
        poll(lambda: not pods(bed, namespace, name), f"the pods of {name} gone")


def pods(bed: Testbed, namespace: str, app: str) -> list[Object]:
    found = bed.api.list("Pod", namespace, labelSelector=f"app={app}")
    return [{"apiVersion": "v1", "kind": "Pod", **pod} for pod in found]


def scheduled_pods(bed: Testbed, namespace: str, app: str, count: int) -> list[Object]:
    """The pods of *app*, when all of them are there and have a node."""

    def all_there() -> bool:
        return len([p for p in pods(bed, namespace, app) if p["spec"].get("nodeName")]) == count

    poll(all_there, f"{count} pods of {app} scheduled")
    return pods(bed, namespace, app)


def older(bed: Testbed, namespace: str, name: str, by: dt.timedelta) -> None:
    """Make a workload, its ReplicaSets, pods and claims of that name older than they are."""
    kinds = ("deployments", "replicasets", "pods", "persistentvolumeclaims", "services/specs", "endpointslices")
    bed.backdate(by, *(f"/registry/{kind}/{namespace}/{name}" for kind in kinds))


def patch_conditions(conditions: list[Object], changes: dict[str, Object]) -> list[Object]:
    """The conditions with those of the given types changed or added."""
    kept = [c for c in conditions if c["type"] not in changes]
    return kept + [{"type": kind, **change} for kind, change in changes.items()]
