"""hpa-conflict and vpa-conflict: autoscalers that work against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from hubops.engine.probe import probe
from hubops.engine.probes import custom, evidence
from hubops.engine.probes.scaling import least, reference, target
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.meta import Kube, ObjectMeta
from hubops.model.kube.scaling import CrossVersionObjectReference, HorizontalPodAutoscaler
from hubops.model.kube.workloads import DaemonSet, Deployment, StatefulSet

VPAS = "verticalpodautoscalers.autoscaling.k8s.io"
#: Modes in which a VerticalPodAutoscaler leaves running pods as they are (its API, autoscaling.k8s.io/v1).
_LEAVES_ALONE = frozenset({"Off", "Initial"})


class _UpdatePolicy(Kube, frozen=True):
    update_mode: str | None = None


class _ContainerPolicy(Kube, frozen=True):
    container_name: str = ""
    mode: str | None = None
    controlled_resources: tuple[str, ...] | None = None


class _ResourcePolicy(Kube, frozen=True):
    container_policies: tuple[_ContainerPolicy, ...] = ()


class _Spec(Kube, frozen=True):
    target_ref: CrossVersionObjectReference | None = None
    update_policy: _UpdatePolicy | None = None
    resource_policy: _ResourcePolicy | None = None


class VerticalPodAutoscaler(Kube, frozen=True):
    """An autoscaling.k8s.io/v1 VerticalPodAutoscaler, trimmed."""

    metadata: ObjectMeta = ObjectMeta()
    spec: _Spec = _Spec()


@probe(needs=("horizontalpodautoscalers",))
def hpa_conflict(view: View) -> Iterator[Hit]:
    """Targets that more than one HorizontalPodAutoscaler scales: each undoes what the other does."""
    for ref, items in _by_target(view).items():
        if len(items) < 2:
            continue
        names = ", ".join(sorted(item.name for item in items))
        times = [item.metadata.creation_timestamp for item in items if item.metadata.creation_timestamp]
        yield Hit(
            ref=ref,
            summary=f"is scaled by {len(items)} HorizontalPodAutoscalers at once: {names}",
            evidence=tuple(_bounds(item) for item in sorted(items, key=lambda one: one.name)),
            since=max(times, default=None),
            details={"target": f"{ref.kind.lower()}/{ref.name}"},
        )


def _by_target(view: View) -> Mapping[Ref, list[HorizontalPodAutoscaler]]:
    """The autoscalers that are not being deleted, by what they scale."""
    found: dict[Ref, list[HorizontalPodAutoscaler]] = defaultdict(list)
    for item in view.objects.horizontalpodautoscalers:
        if item.metadata.deletion_timestamp is None:
            found[target(item)].append(item)
    return found


def _bounds(item: HorizontalPodAutoscaler) -> Evidence:
    owner = item.metadata.controller()
    made = f", made by {owner.kind} {owner.name}" if owner else ""
    return evidence.fact(
        f"{item.name}: {least(item)} to {item.spec.max_replicas} replicas{made}",
        item.metadata.creation_timestamp,
    )


@probe(
    needs=(VPAS, "horizontalpodautoscalers"),
    uses=("deployments", "statefulsets", "daemonsets"),
    fields={VPAS: ("spec.targetRef", "spec.updatePolicy", "spec.resourcePolicy")},
)
def vpa_conflict(view: View) -> Iterator[Hit]:
    """Targets whose requests a VerticalPodAutoscaler changes while a HorizontalPodAutoscaler scales by a share of them.

    A metric that is not a share of the request (AverageValue, Pods, Object, External) is not touched by the request,
    and a VerticalPodAutoscaler that only recommends, or leaves that resource out, changes none.
    """
    scalers = _by_target(view)
    for vpa in custom.read(view, VerticalPodAutoscaler, VPAS):
        aim = vpa.spec.target_ref
        if aim is None or vpa.metadata.deletion_timestamp is not None:
            continue
        ref = Ref(aim.kind, aim.name, vpa.metadata.namespace)
        for item in scalers.get(ref, ()):
            if both := sorted(_changed(view, vpa, ref) & _utilizations(item)):
                yield _fight(vpa, item, ref, both)


def _changed(view: View, vpa: VerticalPodAutoscaler, ref: Ref) -> set[str]:
    """The resources that *vpa* sets in at least one container of the running pods of *ref*."""
    mode = vpa.spec.update_policy.update_mode if vpa.spec.update_policy else None
    if mode in _LEAVES_ALONE:
        return set()
    policies = vpa.spec.resource_policy.container_policies if vpa.spec.resource_policy else ()
    by_name = {policy.container_name: policy for policy in policies}
    found: set[str] = set()
    for name in _containers(view, ref):
        # As the API says: its own policy, else that of "*", else all of it is set.
        policy = by_name.get(name) or by_name.get("*") or _ContainerPolicy()
        if policy.mode != "Off":
            found |= {"cpu", "memory"} if policy.controlled_resources is None else set(policy.controlled_resources)
    return found


def _containers(view: View, ref: Ref) -> tuple[str, ...]:
    """The names of the containers that *ref* makes; "*" for those of a kind that hubops does not read."""
    item = view.find(ref)
    if isinstance(item, Deployment | StatefulSet | DaemonSet) and item.spec.template.spec.containers:
        return tuple(container.name for container in item.spec.template.spec.containers)
    return ("*",)


def _utilizations(item: HorizontalPodAutoscaler) -> set[str]:
    """The resources of which *item* looks at the share in use of what was requested."""
    found = {m.resource.name for m in item.spec.metrics if m.resource and m.resource.target.type == "Utilization"}
    return found | {
        m.container_resource.name
        for m in item.spec.metrics
        if m.container_resource and m.container_resource.target.type == "Utilization"
    }


def _fight(vpa: VerticalPodAutoscaler, item: HorizontalPodAutoscaler, ref: Ref, both: list[str]) -> Hit:
    mode = (vpa.spec.update_policy.update_mode if vpa.spec.update_policy else None) or "Auto, its default"
    resources = " and ".join(both)
    return Hit(
        ref=ref,
        summary=(
            f"VerticalPodAutoscaler {vpa.metadata.name} changes the {resources} request by which"
            f" HorizontalPodAutoscaler {item.name} scales"
        ),
        evidence=(
            evidence.fact(f"VerticalPodAutoscaler {vpa.metadata.name}: update mode {mode}"),
            evidence.fact(f"{reference(item)} scales by the utilization of {resources}"),
        ),
        since=max((t for t in (vpa.metadata.creation_timestamp, item.metadata.creation_timestamp) if t), default=None),
        details={"target": f"{ref.kind.lower()}/{ref.name}"},
    )
