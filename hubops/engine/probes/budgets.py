"""pdb-blocks-drain, pdb-selects-nothing and pdb-overlap: disruption budgets that do what nobody meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Node, Pod
from hubops.model.kube.meta import condition
from hubops.model.kube.scaling import PodDisruptionBudget
from hubops.model.kube.workloads import DaemonSet, Deployment, StatefulSet


@probe(needs=("poddisruptionbudgets", "pods"), uses=("nodes",))
def pdb_blocks_drain(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Budgets that for longer than *grace* have allowed no pod to be evicted.

    Info where the numbers can never allow one, all pods being healthy: the next drain will find out. Warning where a
    drain waits at this moment, where pods are not healthy, or where the controller cannot count the pods at all.
    """
    for item in _live(view):
        status = item.status
        state = condition(status.conditions, "DisruptionAllowed")
        failed = state is not None and state.reason == "SyncFailed"
        if status.disruptions_allowed > 0 or not (status.expected_pods or failed):
            continue
        since = state.last_transition_time if state else item.metadata.creation_timestamp
        if pods.longer_than(view, since, grace):
            yield _blocking(view, item)


def _live(view: View) -> Iterator[PodDisruptionBudget]:
    """Those that are not being deleted, and that their controller has seen as they are now."""
    for item in view.objects.poddisruptionbudgets:
        if item.metadata.deletion_timestamp is None and item.status.observed_generation >= item.metadata.generation:
            yield item


def reference(item: PodDisruptionBudget) -> Ref:
    return Ref("PodDisruptionBudget", item.name, item.namespace)


def selected(view: View, item: PodDisruptionBudget) -> list[Pod]:
    """The pods that the budget counts; no selector selects none, and an empty one all of the namespace."""
    selector = item.spec.selector
    if selector is None:
        return []
    here = view.pods_by_namespace.get(item.namespace, ())
    return [pod for pod in here if pods.alive(pod) and selector.matches(pod.metadata.labels)]


def _blocking(view: View, item: PodDisruptionBudget) -> Hit:
    status = item.status
    behind = selected(view, item)
    unready = [pod for pod in behind if not pods.ready(pod)]
    waiting = sorted({pod.spec.node_name for pod in behind if _cordoned(view, pod)})
    held = f"; the drain of {', '.join(waiting[:3])} waits for it" if waiting else ""
    by_design = _never(item) and status.current_healthy >= status.expected_pods and not waiting
    state = condition(status.conditions, "DisruptionAllowed")
    return Hit(
        ref=reference(item),
        summary=evidence.bounded(_why(item) + held, 300),
        evidence=tuple(_evidence(item, unready)),
        value=Value(float(status.current_healthy), "pods"),
        since=state.last_transition_time if state else None,
        severity="info" if by_design else None,
        depends_on=tuple(dict.fromkeys(ref for pod in unready for ref in _behind(view, pod))),
        details={"selector": _shown(item)} | ({"node": waiting[0]} if waiting else {}),
    )


def _never(item: PodDisruptionBudget) -> bool:
    """Whether not even all pods being healthy would let one go."""
    return 0 < item.status.expected_pods <= item.status.desired_healthy


def _why(item: PodDisruptionBudget) -> str:
    status = item.status
    state = condition(status.conditions, "DisruptionAllowed")
    if state is not None and state.reason == "SyncFailed":
        return f"allows no eviction, because its pods cannot be counted: {state.message}"
    if _never(item):
        return f"never allows an eviction: {_rule(item)}, and there are {status.expected_pods}"
    return f"allows no eviction: {status.current_healthy} of {status.expected_pods} pods are healthy, and {_rule(item)}"


def _behind(view: View, pod: Pod) -> tuple[Ref, ...]:
    return (pods.reference(pod), view.owner(pod), *pods.on_node(pod), *pods.claims(view, pod))


def _cordoned(view: View, pod: Pod) -> bool:
    node = view.find(Ref("Node", pod.spec.node_name))
    return isinstance(node, Node) and node.spec.unschedulable


def _rule(item: PodDisruptionBudget) -> str:
    """What the budget demands, in words: "2 pods must stay healthy (minAvailable 100%)"."""
    least, most = item.spec.min_available, item.spec.max_unavailable
    written = f"minAvailable {least}" if least is not None else f"maxUnavailable {most}"
    return f"{evidence.counted(item.status.desired_healthy, 'pod')} must stay healthy ({written})"


def _shown(item: PodDisruptionBudget) -> str:
    """The selector as `kubectl get -l` takes it, as far as it is one of labels and values."""
    labels = item.spec.selector.match_labels if item.spec.selector else {}
    return evidence.labelled(labels)


def _evidence(item: PodDisruptionBudget, unready: list[Pod]) -> Iterator[Evidence]:
    status = item.status
    yield evidence.fact(
        f"pods: {status.expected_pods} expected, {status.current_healthy} healthy, {status.desired_healthy} have to be,"
        f" {status.disruptions_allowed} may be evicted"
    )
    if state := condition(status.conditions, "DisruptionAllowed"):
        yield evidence.from_condition(state)
    for pod in unready[:3]:
        yield evidence.fact(f"pod {pod.name} is not ready", pods.not_ready_since(pod))
    if owner := item.metadata.controller():
        yield evidence.fact(f"made by {owner.kind} {owner.name}")


@probe(needs=("poddisruptionbudgets", "pods", "deployments", "statefulsets", "daemonsets", "replicasets"))
def pdb_selects_nothing(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Budgets older than *grace* that protect no pod, and would protect none if all workloads were scaled up.

    Left out: those that an operator keeps for pods that it makes when it needs them.
    """
    for item in _live(view):
        young = not pods.longer_than(view, item.metadata.creation_timestamp, grace)
        if young or item.metadata.controller() is not None or item.status.expected_pods or selected(view, item):
            continue
        if _would_select(view, item):
            continue
        yield Hit(
            ref=reference(item),
            summary=f"protects nothing: no pod and no workload has the labels {_words(item)}{_nearest(view, item)}",
            evidence=(evidence.fact(f"{_rule(item)}; it selects {_words(item)}"),),
            since=item.metadata.creation_timestamp,
            details={"selector": _shown(item)},
        )


def _would_select(view: View, item: PodDisruptionBudget) -> bool:
    """Whether a workload that has no pods at the moment would make some that it selects."""
    objects, selector = view.objects, item.spec.selector
    if selector is None:
        return False
    workloads: tuple[Deployment | StatefulSet | DaemonSet, ...] = (
        *objects.deployments,
        *objects.statefulsets,
        *objects.daemonsets,
    )
    made = [owner.spec.template.metadata.labels for owner in workloads if owner.namespace == item.namespace]
    # ReplicaSets stand in for the custom resources that roll out by them; they carry the labels of their pods.
    made += [owner.metadata.labels for owner in objects.replicasets if owner.namespace == item.namespace]
    return any(selector.matches(labels) for labels in made)


def _words(item: PodDisruptionBudget) -> str:
    """The selector as people read it."""
    selector = item.spec.selector
    if selector is None:
        return "of a selector that is not there"
    demands = [f"{one.key} {one.operator} {' '.join(one.values)}".strip() for one in selector.match_expressions]
    return ", ".join([*([_shown(item)] if selector.match_labels else []), *demands]) or "of an empty namespace"


def _nearest(view: View, item: PodDisruptionBudget) -> str:
    """The pod whose labels have the selector's keys with other values: mostly one word is misspelt."""
    keys = item.spec.selector.match_labels.keys() if item.spec.selector else ()
    for pod in view.pods_by_namespace.get(item.namespace, ()):
        if keys and all(key in pod.metadata.labels for key in keys):
            shown = ",".join(f"{key}={pod.metadata.labels[key]}" for key in sorted(keys))
            return f"; {view.owner(pod)} has {shown}"
    return ""


@probe(needs=("poddisruptionbudgets", "pods"))
def pdb_overlap(view: View) -> Iterator[Hit]:
    """Owners of pods that more than one budget selects: the eviction API refuses to evict such a pod at all."""
    budgets: dict[Ref, list[str]] = defaultdict(list)
    for item in _live(view):
        for pod in selected(view, item):
            budgets[pods.reference(pod)].append(item.name)
    torn: dict[Ref, list[Pod]] = defaultdict(list)
    for pod in view.objects.pods:
        if len(budgets.get(pods.reference(pod), ())) > 1:
            torn[view.owner(pod)].append(pod)
    for owner, behind in torn.items():
        together = {name for pod in behind for name in budgets[pods.reference(pod)]}
        yield Hit(
            ref=owner,
            summary=f"its pods cannot be evicted: more than one budget selects them: {', '.join(sorted(together))}",
            evidence=tuple(_budgets(view, owner, together, behind)),
            details={"pod": behind[0].name},
        )


def _budgets(view: View, owner: Ref, names: set[str], behind: list[Pod]) -> Iterator[Evidence]:
    for item in view.objects.poddisruptionbudgets:
        if item.namespace == owner.namespace and item.name in names:
            yield evidence.fact(f"{item.name}: {_rule(item)}; it selects {_words(item)}")
    yield evidence.fact(f"selected by more than one: {evidence.counted(len(behind), 'pod')}, such as {behind[0].name}")
