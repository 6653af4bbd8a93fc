"""Autoscalers and disruption budgets that do what nobody meant."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.testbed.api import Object, now
from tests.testbed.faults.base import Expected, Fault, pods, remove
from tests.testbed.objects import disruption_budget, meta
from tests.testbed.process import poll

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

SINCE = dt.timedelta(hours=3)


@dataclass(frozen=True)
class Standing(Fault):
    """Objects that are wrong by their mere being there, for hours; *path* is where the API server stores them."""

    path: str
    objects: tuple[Object, ...]
    since: dt.timedelta = SINCE
    event: tuple[str, str, str] | None = None  # reason, message and component of a Warning about the first of them

    def inject(self, bed: Testbed) -> None:
        for obj in self.objects:
            applied = bed.api.apply(obj)
            if self.event and obj is self.objects[0]:
                bed.api.event({**obj, "metadata": applied["metadata"]}, *self.event, count=120)
        self.settle(bed)
        for obj in self.objects:
            within = obj["metadata"].get("namespace")
            bed.backdate(self.since, "/".join(filter(None, ("/registry", self.path, within, obj["metadata"]["name"]))))

    def settle(self, bed: Testbed) -> None:
        """Returns when the controllers have said what they think of it; most of what stands has none here."""

    def clear(self, bed: Testbed) -> None:
        remove(bed, *self.objects)


@dataclass(frozen=True)
class Budget(Standing):
    """A disruption budget, as the real controller counts its pods."""

    app: str = ""

    def settle(self, bed: Testbed) -> None:
        (budget,) = self.objects

        def counted() -> bool:
            found = bed.api.get("PodDisruptionBudget", budget["metadata"]["namespace"], budget["metadata"]["name"])
            return bool(found and found.get("status", {}).get("observedGeneration"))

        poll(counted, f"budget {budget['metadata']['name']} counted")

    def clear(self, bed: Testbed) -> None:
        """The controller warns of pods with two budgets, about the pods."""
        remove(bed, *self.objects)
        namespace = self.objects[0]["metadata"]["namespace"]
        for pod in pods(bed, namespace, self.app):
            bed.api.forget_events(namespace, pod["metadata"]["name"])


def _autoscaler(name: str, target: str, state: Object, **status: Any) -> Object:
    usage: Object = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": meta("shop", name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "minReplicas": 2,
            "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": usage}],
        },
        "status": {"conditions": [{"lastTransitionTime": now(), **state}], "desiredReplicas": 3, **status},
    }


def _budget(namespace: str, name: str, app: str, **spec: Any) -> Object:
    made = disruption_budget(namespace, name)
    return made | {"spec": {"selector": {"matchLabels": {"app": app}}, **spec}}


_BUSY = {"type": "Resource",
         "resource": {"name": "cpu", "current": {"averageUtilization": 131, "averageValue": "131m"}}}  # fmt: skip
_LIMITED = {"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas",
            "message": "the desired replica count is more than the maximum replica count"}  # fmt: skip
_NO_METRICS = (
    "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for "
    "resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource "
    "(get pods.metrics.k8s.io)"
)
_BROKER = "error getting metrics: kafka: client has run out of available brokers to talk to"
_SCALED: Object = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": meta("payments", "fraud-detector"),
    "spec": {"scaleTargetRef": {"name": "fraud-detector"}, "triggers": [{"type": "kafka", "metadata": {}}]},
    "status": {
        "conditions": [
            {"type": "Ready", "status": "False", "reason": "TriggerError",
             "message": "Triggers defined in ScaledObject are not working correctly"},
        ],
    },
}  # fmt: skip
_PAUSED = _SCALED | {
    "metadata": meta("payments", "payments-api"),
    "status": {
        "lastActiveTime": now(),
        "conditions": [{"type": "Paused", "status": "True", "reason": "ScaledObjectPaused"}],
    },
}
_VERTICAL: Object = {
    "apiVersion": "autoscaling.k8s.io/v1",
    "kind": "VerticalPodAutoscaler",
    "metadata": meta("shop", "frontend-sizes"),
    "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "frontend"},
        "updatePolicy": {"updateMode": "Recreate"},
    },
}
_INGRESS: Object = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": meta("data", "sessions"),
    "spec": {
        "ingressClassName": "nginx",
        "defaultBackend": {"service": {"name": "redis", "port": {"number": 80}}},
    },
    "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}},
}

FAULTS: tuple[Fault, ...] = (
    Standing(
        "hpa-at-maximum",
        Expected("hpa-at-maximum", "HorizontalPodAutoscaler", "shop", "catalog", "cpu at 131 %"),
        (),
        "horizontalpodautoscalers",
        (_autoscaler("catalog", "catalog", _LIMITED, currentReplicas=3, currentMetrics=[_BUSY]),),
    ),
    Standing(
        "hpa-unable-to-scale",
        Expected("hpa-unable-to-scale", "APIService", None, "v1beta1.metrics.k8s.io", "shop/catalog"),
        (),
        "horizontalpodautoscalers",
        (
            _autoscaler(
                "catalog",
                "catalog",
                {
                    "type": "ScalingActive",
                    "status": "False",
                    "reason": "FailedGetResourceMetric",
                    "message": _NO_METRICS,
                },
                currentReplicas=3,
            ),
        ),
    ),
    Standing(
        "hpa-conflict",
        Expected("hpa-conflict", "Deployment", "shop", "frontend", "frontend, frontend-chart"),
        (),
        "horizontalpodautoscalers",
        (_autoscaler("frontend-chart", "frontend", {"type": "ScalingActive", "status": "True"}),),
    ),
    Standing(
        "vpa-conflict",
        Expected("vpa-conflict", "Deployment", "shop", "frontend", "cpu request"),
        (),
        "autoscaling.k8s.io/verticalpodautoscalers",
        (_VERTICAL,),
    ),
    Standing(
        "keda-scaler-failing",
        Expected("keda-scaler-failing", "ScaledObject", "payments", "fraud-detector", "run out of available brokers"),
        (),
        "keda.sh/scaledobjects",
        (_SCALED,),
        event=("KEDAScalerFailed", _BROKER, "keda-operator"),
    ),
    Budget(
        "pdb-blocks-drain",
        Expected(
            "pdb-blocks-drain", "PodDisruptionBudget", "data", "redis", "1 pod must stay healthy (minAvailable 1)"
        ),
        (),
        "poddisruptionbudgets",
        (_budget("data", "redis", "redis", minAvailable=1),),
        app="redis",
    ),
    Standing(
        "keda-paused",
        Expected("keda-paused", "ScaledObject", "payments", "payments-api", "ScaledObjectPaused"),
        (),
        "keda.sh/scaledobjects",
        (_PAUSED,),
        dt.timedelta(days=5),
    ),
    Budget(
        "pdb-selects-nothing",
        Expected("pdb-selects-nothing", "PodDisruptionBudget", "shop", "kart", "has app="),
        (),
        "poddisruptionbudgets",
        (_budget("shop", "kart", "kart", maxUnavailable=1),),
        dt.timedelta(days=5),
    ),
    Budget(
        "pdb-overlap",
        Expected("pdb-overlap", "Deployment", "shop", "cart", "cart, cart-chart"),
        (),
        "poddisruptionbudgets",
        (_budget("shop", "cart-chart", "cart", maxUnavailable=1),),
        app="cart",
    ),
    Standing(
        "single-replica-behind-ingress",
        Expected("single-replica-behind-ingress", "StatefulSet", "data", "redis", "sessions"),
        (),
        "ingress",
        (_INGRESS,),
    ),
)
