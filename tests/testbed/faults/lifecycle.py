"""Pods at the ends of their lives: not configured, evicted, held after their deletion, restarted, failing probes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.testbed.api import Object, now
from tests.testbed.faults.base import Expected, Fault, older, pods, remove, scheduled_pods
from tests.testbed.faults.pods import (
    SINCE,
    BrokenPods,
    Event,
    ago,
    came_back,
    container_status,
    pod_status,
    running_well,
    terminated,
)
from tests.testbed.objects import MANUAL, deployment

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

FINALIZER = "example.com/deregister"
SCRATCH_IS_FULL = 'Usage of EmptyDir volume "scratch" exceeds the limit "2Gi". '


def not_configured(pod: Object) -> Object:
    message = f'secret "{pod["spec"]["containers"][0]["name"]}-database" not found'
    waiting = container_status(pod, state={"waiting": {"reason": "CreateContainerConfigError", "message": message}})
    return pod_status(pod, "Pending", False, ago(minutes=39), waiting)


def restarted_often(pod: Object) -> Object:
    return came_back(pod, 6, 3, "Error")


def slow_probe(_: Object) -> list[Event]:
    return [("Unhealthy", "Liveness probe failed: context deadline exceeded", 24)]


@dataclass(frozen=True)
class ByHand(Fault):
    """A Deployment of one replica whose pods have the status that the fault gives them."""

    @property
    def workload(self) -> Object:
        return deployment(self.expect.namespace or "", self.expect.name, replicas=1, annotations={MANUAL: "true"})


@dataclass(frozen=True)
class Evicted(ByHand):
    """A Deployment of one replica whose pod is evicted, and so is the next, and the one after it."""

    times: int = 3

    def inject(self, bed: Testbed) -> None:
        namespace, name = self.expect.namespace or "", self.expect.name
        bed.api.apply(self.workload)
        for number in range(self.times):
            for pod in scheduled_pods(bed, namespace, name, number + 1):
                if pod["status"]["phase"] != "Failed":
                    bed.api.set_status(pod, self._status(pod))
        for pod in scheduled_pods(bed, namespace, name, self.times + 1):
            if pod["status"]["phase"] != "Failed":
                bed.api.set_status(pod, running_well(pod))

    def _status(self, pod: Object) -> Object:
        disrupted = {"status": "True", "reason": "TerminationByKubelet", "lastTransitionTime": now()}
        conditions = [*pod["status"].get("conditions", []), {"type": "DisruptionTarget", **disrupted}]
        return {"phase": "Failed", "reason": "Evicted", "message": SCRATCH_IS_FULL, "conditions": conditions}

    def clear(self, bed: Testbed) -> None:
        remove(bed, self.workload)


@dataclass(frozen=True)
class HeldByFinalizer(ByHand):
    """A pod that was deleted, has ended, and waits for a controller that is not there."""

    def inject(self, bed: Testbed) -> None:
        namespace, name = self.expect.namespace or "", self.expect.name
        bed.api.apply(self.workload)
        (pod,) = scheduled_pods(bed, namespace, name, 1)
        bed.api.patch(pod, {"metadata": {"finalizers": [FINALIZER]}})
        ended = container_status(pod, state=terminated(0, "Completed", 0))
        bed.api.set_status(pod, pod_status(pod, "Running", False, ago(minutes=0), ended))
        bed.api.delete(pod)
        older(bed, namespace, pod["metadata"]["name"], SINCE)
        for other in scheduled_pods(bed, namespace, name, 2):
            if "deletionTimestamp" not in other["metadata"]:
                bed.api.set_status(other, running_well(other))

    def clear(self, bed: Testbed) -> None:
        for pod in pods(bed, self.expect.namespace or "", self.expect.name):
            bed.api.patch(pod, {"metadata": {"finalizers": None}})
        remove(bed, self.workload)


def _of_one(
    check: str, name: str, cause: str, status: Callable[[Object], Object], events: Callable[[Object], list[Event]]
) -> Fault:
    """A Deployment of two that runs, of which one pod is not as it should be."""
    return BrokenPods(check, Expected(check, "Deployment", "shop", name, cause), (), None, 2, 1, status, events)


FAULTS: tuple[Fault, ...] = (
    BrokenPods(
        "pod-config-error",
        Expected("pod-config-error", "Deployment", "payments", "refunds", "Secret refunds-database does not exist"),
        ("deployment-unavailable", "pod-not-ready"),
        None,
        2,
        2,
        not_configured,
        lambda _: [],
    ),
    Evicted("pod-evicted", Expected("pod-evicted", "Deployment", "data", "thumbnailer", "emptyDir scratch"), ()),
    HeldByFinalizer(
        "pod-stuck-terminating", Expected("pod-stuck-terminating", "Deployment", "shop", "registrar", FINALIZER), ()
    ),
    _of_one("pod-restarts-unusual", "sessions", "6 times", restarted_often, lambda _: []),
    _of_one("pod-probe-failing", "catalogue", "context deadline exceeded", running_well, slow_probe),
)
