"""The APIs that autoscalers ask and that people write to: metrics-server, KEDA, the Vertical Pod Autoscaler."""

from __future__ import annotations

from typing import Any

from hubops.bootstrap.gate import Installed, Verdict, passed, waiting
from hubops.bootstrap.gates.said import condition, misjudged
from hubops.bootstrap.ready import waits_for

Manifest = dict[str, Any]
_NAME = "bootstrap-gate"  # of objects in dry runs: none is ever stored


def metrics_api_answers(at: Installed) -> Verdict:
    """The API is available and knows the use of every node that is ready."""
    cluster = at.target.cluster
    if left := waits_for(cluster, [_api_service("v1beta1.metrics.k8s.io")]):
        return waiting(left[0])
    measured = {each["metadata"]["name"] for each in cluster.find("metrics.k8s.io/v1beta1", "NodeMetrics")}
    ready = [each["metadata"]["name"] for each in cluster.find("v1", "Node") if condition(each, "Ready")[0] == "True"]
    missing = sorted(set(ready) - measured)
    if missing or not measured:
        named = f"; none of {', '.join(missing[:3])}" if missing else ""
        return waiting(f"the use of {len(measured)} of {len(ready)} nodes is known{named}")
    return passed(f"the use of {len(ready)} nodes is known")


def keda_api_answers(at: Installed) -> Verdict:
    """The API of external metrics is available, and KEDA's webhook judges ScaledObjects."""
    if left := waits_for(at.target.cluster, [_api_service("v1beta1.external.metrics.k8s.io")]):
        return waiting(left[0])
    times = {"timezone": "Etc/UTC", "start": "0 8 * * *", "end": "0 18 * * *", "desiredReplicas": "2"}
    night = {"type": "cron", "name": "night", "metadata": times}
    good, twice = (_scaled_object(at, [night] * count) for count in (1, 2))
    if problem := misjudged(at.target.cluster, good, twice):
        return waiting(problem)
    return passed("external metrics are served, and the webhook judges ScaledObjects")


def vpa_api_answers(at: Installed) -> Verdict:
    """The webhook judges VerticalPodAutoscalers; it is the one that gives pods their requests, too."""
    good, impossible = (_autoscaler(at, most) for most in ("2", "500m"))
    if problem := misjudged(at.target.cluster, good, impossible):
        return waiting(problem)
    return passed("the webhook judges VerticalPodAutoscalers")


def _scaled_object(at: Installed, triggers: list[Manifest]) -> Manifest:
    spec = {"scaleTargetRef": {"name": _NAME}, "minReplicaCount": 1, "maxReplicaCount": 2, "triggers": triggers}
    return _in_dry_run(at, "keda.sh/v1alpha1", "ScaledObject", spec)


def _autoscaler(at: Installed, most: str) -> Manifest:
    limits = {"containerName": "*", "minAllowed": {"cpu": "1"}, "maxAllowed": {"cpu": most}}
    spec = {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": _NAME},
            "updatePolicy": {"updateMode": "Off"}, "resourcePolicy": {"containerPolicies": [limits]}}  # fmt: skip
    return _in_dry_run(at, "autoscaling.k8s.io/v1", "VerticalPodAutoscaler", spec)


def _in_dry_run(at: Installed, api_version: str, kind: str, spec: Manifest) -> Manifest:
    metadata = {"namespace": at.rendered.component.namespace, "name": _NAME}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def _api_service(name: str) -> Manifest:
    return {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name}}
