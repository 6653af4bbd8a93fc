"""autoscaling/v2 and policy/v1: what changes the number of pods, and what keeps a drain from it."""

from __future__ import annotations

from datetime import datetime

from hubops.model.kube.meta import Condition, IntOrString, Kube, LabelSelector, Object


class CrossVersionObjectReference(Kube, frozen=True):
    kind: str = ""
    name: str = ""
    api_version: str = ""


class MetricIdentifier(Kube, frozen=True):
    name: str = ""


class MetricTarget(Kube, frozen=True):
    type: str = ""
    average_utilization: int | None = None


class ResourceMetricSource(Kube, frozen=True):
    name: str = ""
    target: MetricTarget = MetricTarget()


class ContainerResourceMetricSource(Kube, frozen=True):
    name: str = ""
    container: str = ""
    target: MetricTarget = MetricTarget()


class PodsMetricSource(Kube, frozen=True):
    metric: MetricIdentifier = MetricIdentifier()


class ObjectMetricSource(Kube, frozen=True):
    metric: MetricIdentifier = MetricIdentifier()


class ExternalMetricSource(Kube, frozen=True):
    metric: MetricIdentifier = MetricIdentifier()


class MetricSpec(Kube, frozen=True):
    type: str = ""
    resource: ResourceMetricSource | None = None
    container_resource: ContainerResourceMetricSource | None = None
    pods: PodsMetricSource | None = None
    object: ObjectMetricSource | None = None
    external: ExternalMetricSource | None = None


class HorizontalPodAutoscalerSpec(Kube, frozen=True):
    scale_target_ref: CrossVersionObjectReference = CrossVersionObjectReference()
    min_replicas: int | None = None
    max_replicas: int = 0
    metrics: tuple[MetricSpec, ...] = ()


class MetricValueStatus(Kube, frozen=True):
    average_utilization: int | None = None


class ResourceMetricStatus(Kube, frozen=True):
    name: str = ""
    current: MetricValueStatus = MetricValueStatus()


class MetricStatus(Kube, frozen=True):
    type: str = ""
    resource: ResourceMetricStatus | None = None


class HorizontalPodAutoscalerStatus(Kube, frozen=True):
    observed_generation: int | None = None
    last_scale_time: datetime | None = None
    current_replicas: int = 0
    desired_replicas: int = 0
    current_metrics: tuple[MetricStatus, ...] = ()
    conditions: tuple[Condition, ...] = ()


class HorizontalPodAutoscaler(Object, frozen=True):
    spec: HorizontalPodAutoscalerSpec = HorizontalPodAutoscalerSpec()
    status: HorizontalPodAutoscalerStatus = HorizontalPodAutoscalerStatus()


class PodDisruptionBudgetSpec(Kube, frozen=True):
    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    selector: LabelSelector | None = None
    unhealthy_pod_eviction_policy: str | None = None


class PodDisruptionBudgetStatus(Kube, frozen=True):
    observed_generation: int = 0
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    conditions: tuple[Condition, ...] = ()


class PodDisruptionBudget(Object, frozen=True):
    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = PodDisruptionBudgetStatus()
