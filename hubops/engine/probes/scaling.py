"""hpa-at-maximum and hpa-unable-to-scale: autoscalers that want more than they may, or cannot tell what they want."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.kinds import BY_NAME
from hubops.model.kube.meta import Condition, condition, holding
from hubops.model.kube.scaling import HorizontalPodAutoscaler, MetricSpec

#: How the HPA controller words it that a metrics API itself does not answer (k8s.io/metrics clients, apimachinery
#: errors), and what serves that API.
_API = re.compile(
    r"unable to (?:fetch metrics from|get metrics for resource \S+: unable to fetch metrics from) "
    r"(resource|custom|external) metrics API: the server "
    r"(could not find the requested resource|is currently unable to handle the request)"
)
_SERVED_BY = {
    "resource": ("v1beta1.metrics.k8s.io", "metrics-server"),
    "custom": ("v1beta1.custom.metrics.k8s.io", "an adapter such as prometheus-adapter"),
    "external": ("v1beta1.external.metrics.k8s.io", "an adapter such as KEDA's metrics server"),
}
_NO_REQUEST = re.compile(r"missing request for (\S+) in container (\S+) of Pod (\S+)")


@probe(needs=("horizontalpodautoscalers",))
def hpa_at_maximum(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Autoscalers that would go beyond their maximum, and have been at it for longer than *grace*.

    One whose minimum is its maximum holds a number by design. The condition ScalingLimited keeps its time when it goes
    from "too few" to "too many"; the last change of the number of replicas is never before that.
    """
    for item in _live(view):
        limited = holding(item.status.conditions, "ScalingLimited")
        if limited is None or limited.reason != "TooManyReplicas":
            continue
        most = item.spec.max_replicas
        if least(item) >= most or item.status.current_replicas < most:
            continue
        times = [time for time in (limited.last_transition_time, item.status.last_scale_time) if time]
        since = max(times, default=None)
        if pods.longer_than(view, since, grace):
            yield _at_maximum(item, limited, since)


@probe(
    needs=("horizontalpodautoscalers",),
    uses=("deployments", "statefulsets"),
)
def hpa_unable_to_scale(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Autoscalers that for longer than *grace* could not read their metrics, or not read or write their target's scale.

    A target that was scaled to zero switches its autoscaler off by design. Where a whole metrics API does not answer,
    all that need it are one finding about that API.
    """
    for item in _live(view):
        for state in _failing(item):
            if pods.longer_than(view, state.last_transition_time, grace):
                yield _unable(view, item, state)
                break


def target(item: HorizontalPodAutoscaler) -> Ref:
    """What *item* scales."""
    return Ref(item.spec.scale_target_ref.kind, item.spec.scale_target_ref.name, item.namespace)


def reference(item: HorizontalPodAutoscaler) -> Ref:
    return Ref("HorizontalPodAutoscaler", item.name, item.namespace)


def _live(view: View) -> Iterator[HorizontalPodAutoscaler]:
    """Those that are not being deleted, and that their controller has seen as they are now."""
    for item in view.objects.horizontalpodautoscalers:
        seen = item.status.observed_generation
        if item.metadata.deletion_timestamp is None and (seen is None or seen >= item.metadata.generation):
            yield item


def least(item: HorizontalPodAutoscaler) -> int:
    """How many replicas *item* keeps at least; the API's default is one."""
    return 1 if item.spec.min_replicas is None else item.spec.min_replicas


def _about(item: HorizontalPodAutoscaler) -> tuple[Ref, ...]:
    """What, when broken, explains it: its target, and what made it, such as KEDA's ScaledObject."""
    owner = item.metadata.controller()
    return (target(item), *([Ref(owner.kind, owner.name, item.namespace)] if owner else []))


def _details(item: HorizontalPodAutoscaler) -> dict[str, str]:
    ref = target(item)
    return {"target": f"{ref.kind.lower()}/{ref.name}"}


def _at_maximum(item: HorizontalPodAutoscaler, limited: Condition, since: datetime | None) -> Hit:
    most = item.spec.max_replicas
    read = "; ".join(_current(item))
    return Hit(
        ref=reference(item),
        summary=f"{target(item)} runs its maximum of {most} replicas and needs more" + (f": {read}" if read else ""),
        evidence=(evidence.from_condition(limited), *_numbers(item)),
        value=Value(float(item.status.current_replicas), "replicas"),
        since=since,
        depends_on=_about(item),
        details=_details(item),
    )


def _numbers(item: HorizontalPodAutoscaler) -> Iterator[Evidence]:
    yield evidence.fact(
        f"replicas: {least(item)} at least, {item.spec.max_replicas} at most, {item.status.current_replicas} now",
        item.status.last_scale_time,
    )
    if metrics := ", ".join(name(metric) for metric in item.spec.metrics):
        yield evidence.fact(f"scales by {metrics}")


def _current(item: HorizontalPodAutoscaler) -> Iterator[str]:
    """The utilizations that are above what they should be."""
    wanted = {m.resource.name: m.resource.target.average_utilization for m in item.spec.metrics if m.resource}
    for state in item.status.current_metrics:
        now = state.resource.current.average_utilization if state.resource else None
        should = wanted.get(state.resource.name) if state.resource else None
        if state.resource and now is not None and should is not None and now > should:
            yield f"{state.resource.name} at {now} % of its request, {should} % is its target"


def name(metric: MetricSpec) -> str:
    """The metric as its owner wrote it: "cpu", "external metric queue_length"."""
    if metric.resource:
        return metric.resource.name
    if metric.container_resource:
        return f"{metric.container_resource.name} of container {metric.container_resource.container}"
    named = metric.pods or metric.object or metric.external
    return f"{metric.type.lower()} metric {named.metric.name if named else 'without a name'}"


def _failing(item: HorizontalPodAutoscaler) -> Iterator[Condition]:
    for kind in ("AbleToScale", "ScalingActive"):
        state = condition(item.status.conditions, kind)
        if state is not None and state.status == "False" and state.reason != "ScalingDisabled":
            yield state


def _unable(view: View, item: HorizontalPodAutoscaler, state: Condition) -> Hit:
    if answer := _API.search(state.message):
        service, server = _SERVED_BY[answer[1]]
        silent = "is not served" if "find" in answer[2] else "does not answer"
        return Hit(
            ref=Ref("APIService", service),
            summary=f"the {answer[1]} metrics API {silent} ({server}): autoscalers cannot read their metrics",
            evidence=(evidence.from_condition(state),),
            since=state.last_transition_time,
            details=_details(item),
            example=f"{item.namespace}/{item.name}",
        )
    return Hit(
        ref=reference(item),
        summary=evidence.bounded(_reason(view, item, state), 300),
        evidence=(evidence.from_condition(state), *_numbers(item)),
        since=state.last_transition_time,
        depends_on=_about(item),
        details=_details(item),
    )


def _reason(view: View, item: HorizontalPodAutoscaler, state: Condition) -> str:
    """Why it does not scale: that its target is missing, or what the controller says without its wrapping."""
    ref = target(item)
    kind = BY_NAME.get(ref.kind)
    if state.reason == "FailedGetScale":
        missing = kind is not None and kind.plural in view.snapshot.read and view.find(ref) is None
        return f"its target {ref} does not exist" if missing else f"the scale of {ref} cannot be read: {_said(state)}"
    if state.reason == "FailedUpdateScale":
        return f"{ref} cannot be scaled: {_said(state)}"
    if asked := _NO_REQUEST.search(state.message):
        return f"container {asked[2]} requests no {asked[1]}, so that its utilization cannot be told (pod {asked[3]})"
    return f"the replicas of {ref} cannot be told: {_said(state)}"


def _said(state: Condition) -> str:
    return re.sub(r"^the HPA (?:controller )?was unable to [^:]+: ", "", state.message) or state.reason
