"""Pods that find no node, claims that find no storage, replicas over a quota: all noticed by the real programs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.testbed.api import Object
from tests.testbed.faults.base import Expected, Fault, older, pods, remove
from tests.testbed.objects import claim, deployment
from tests.testbed.process import poll

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

SINCE = dt.timedelta(minutes=30)


@dataclass(frozen=True)
class Unschedulable(Fault):
    """A Deployment that the scheduler finds no node for."""

    pod: Object
    limits: dict[str, Any]
    claim: Object | None = None

    @property
    def objects(self) -> list[Object]:
        namespace, name = self.expect.namespace or "", self.expect.name
        made = [deployment(namespace, name, replicas=2, pod=self.pod, **self.limits)]
        return [*made, self.claim] if self.claim else made

    def inject(self, bed: Testbed) -> None:
        namespace, name = self.expect.namespace or "", self.expect.name
        for obj in reversed(self.objects):
            bed.api.apply(obj)

        def refused() -> bool:
            reasons = [c.get("reason") for p in pods(bed, namespace, name) for c in p["status"].get("conditions", [])]
            return reasons.count("Unschedulable") == 2

        poll(refused, f"the scheduler refuses {name}")
        older(bed, namespace, name, SINCE)

    def clear(self, bed: Testbed) -> None:
        remove(bed, *self.objects)


@dataclass(frozen=True)
class OverQuota(Fault):
    """A Deployment whose ReplicaSet may not make its pods."""

    @property
    def workload(self) -> Object:
        return deployment(self.expect.namespace or "", self.expect.name, replicas=3, cpu="50")

    def inject(self, bed: Testbed) -> None:
        bed.api.apply(self.workload)
        namespace, name = self.expect.namespace or "", self.expect.name

        def refused() -> bool:
            found = bed.api.get("Deployment", namespace, name) or {}
            conditions: list[dict[str, Any]] = found.get("status", {}).get("conditions", [])
            return any(c["type"] == "ReplicaFailure" and c["status"] == "True" for c in conditions)

        poll(refused, f"the quota refuses {name}")
        older(bed, namespace, name, SINCE)

    def clear(self, bed: Testbed) -> None:
        remove(bed, self.workload)


@dataclass(frozen=True)
class PendingClaim(Fault):
    storage_class: str

    @property
    def claim(self) -> Object:
        return claim(self.expect.namespace or "", self.expect.name, "20Gi", self.storage_class)

    def inject(self, bed: Testbed) -> None:
        namespace, name = self.expect.namespace or "", self.expect.name
        bed.api.apply(self.claim)
        about = f"involvedObject.name={name}"
        poll(lambda: bool(bed.api.list("Event", namespace, fieldSelector=about)), f"an event about {name}")
        older(bed, namespace, name, SINCE)

    def clear(self, bed: Testbed) -> None:
        remove(bed, self.claim)


def _affinity(key: str, value: str) -> Object:
    wanted = [{"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": wanted}}
    return {"affinity": {"nodeAffinity": required}}


_BY_RACK = {"maxSkew": 1, "topologyKey": "example.com/rack", "whenUnsatisfiable": "DoNotSchedule"}


def _pending(variant: str, name: str, cause: str, pod: Object, also: tuple[str, ...] = (), **limits: str) -> Fault:
    expect = Expected("pod-pending", "Deployment", "data", name, cause)
    spool = claim("data", _CLAIM, "20Gi", "standard-hdd") if "volumes" in pod else None
    consequences = ("deployment-unavailable", "pod-not-ready", *also)
    return Unschedulable(f"pod-pending/{variant}", expect, consequences, pod, limits, spool)


_CLAIM = "spool-data"
_VOLUMES: Object = {"volumes": [{"name": "spool", "persistentVolumeClaim": {"claimName": _CLAIM}}]}

FAULTS: tuple[Fault, ...] = (
    _pending("cpu", "trainer", "Insufficient cpu", {}, cpu="64"),
    _pending("taint", "embedder", "untolerated taint", {"nodeSelector": {"node.example.com/pool": "gpu"}}),
    _pending("affinity", "arm-builder", "affinity", _affinity("kubernetes.io/arch", "arm64")),
    _pending("spread", "ranker", "example.com/rack of its topology spread", {"topologySpreadConstraints": [_BY_RACK]}),
    _pending("unbound-claim", "spooler", "unbound", _VOLUMES, ("pvc-pending",)),
    OverQuota(
        "pods-refused/quota",
        Expected("pods-refused", "Deployment", "shop", "bulk-import", "quota compute has no room"),
        (),
    ),
    PendingClaim(
        "pvc-pending/no-class",
        Expected("pvc-pending", "PersistentVolumeClaim", "data", "archive", "not found"),
        (),
        "fast-nvme",
    ),
    PendingClaim(
        "pvc-pending/no-provisioner",
        Expected("pvc-pending", "PersistentVolumeClaim", "payments", "exports", "ebs.csi.aws.com"),
        (),
        "standard-hdd",
    ),
)
