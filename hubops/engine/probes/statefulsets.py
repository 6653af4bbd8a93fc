"""statefulset-short: StatefulSets without all their pods, and the ordinal that keeps the others waiting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pending, pods, refused
from hubops.engine.probes.pods import last_change
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Pod
from hubops.model.kube.meta import condition
from hubops.model.kube.workloads import StatefulSet, wanted

_REVISION = "controller-revision-hash"


class Members(NamedTuple):
    """The pods that a StatefulSet should have, by name in the order of their ordinals; None for one not there."""

    pods: dict[str, Pod | None]

    @property
    def unready(self) -> list[str]:
        return [name for name, pod in self.pods.items() if pod is None or not (pods.alive(pod) and pods.ready(pod))]

    @property
    def absent(self) -> list[str]:
        return [name for name, pod in self.pods.items() if pod is None]

    def last_change(self) -> datetime | None:
        return last_change(pod for pod in self.pods.values() if pod is not None)


@probe(needs=("statefulsets", "pods"), uses=("events", "nodes", "persistentvolumeclaims"))
def statefulset_short(view: View, *, grace: timedelta, updating: timedelta) -> Iterator[Hit]:
    """StatefulSets with fewer ready pods than wanted for longer than *grace*, and rolling updates that stand still
    for *updating* though all pods are ready. Critical where none is ready.

    An update that a partition or OnDelete holds back is meant to be.
    """
    for item in view.objects.statefulsets:
        seen = item.status.observed_generation >= item.metadata.generation
        if not seen or item.metadata.deletion_timestamp is not None or not wanted(item):
            continue
        members = _members(view, item)
        if item.status.ready_replicas < wanted(item) and members.unready:
            yield from _short(view, item, members, grace)
        elif _left(item) and pods.longer_than(view, members.last_change(), updating):
            yield _standing(item, members)


def _members(view: View, item: StatefulSet) -> Members:
    start = item.spec.ordinals.start if item.spec.ordinals else 0
    there = {pod.name: pod for pod in view.pods_of.get(Ref("StatefulSet", item.name, item.namespace), ())}
    names = [f"{item.name}-{ordinal}" for ordinal in range(start, start + wanted(item))]
    return Members({name: there.get(name) for name in names})


def _left(item: StatefulSet) -> int:
    """How many pods a rolling update has still to replace."""
    strategy = item.spec.update_strategy
    if strategy.type == "OnDelete" or item.status.update_revision == item.status.current_revision:
        return 0
    partition = strategy.rolling_update.partition if strategy.rolling_update else None
    return max(wanted(item) - (partition or 0) - item.status.updated_replicas, 0)


def _short(view: View, item: StatefulSet, members: Members, grace: timedelta) -> Iterator[Hit]:
    name = members.unready[0]
    pod = members.pods[name]
    since = _since(view, item, members, pod)
    if not pods.longer_than(view, since, grace):
        return
    ready = item.status.ready_replicas
    number = f"{ready or 'none'} of {evidence.counted(wanted(item), 'replica')} ready"
    reason = _reason(view, item, pod)
    yield Hit(
        ref=Ref("StatefulSet", item.name, item.namespace),
        summary=evidence.bounded(f"{number}: {name} {reason}{_waiting(item, members, name)}", 400),
        evidence=tuple(_evidence(view, item, members, pod)),
        value=Value(float(ready), "replicas"),
        since=since,
        severity="warning" if ready else "critical",
        depends_on=tuple(_explaining(view, item, name, pod)),
        details={"pod": name} | (pods.details(pod) if pod else {}),
    )


def _since(view: View, item: StatefulSet, members: Members, pod: Pod | None) -> datetime | None:
    """When the pod that holds the others began to lack; of one that was never made, when its set last changed."""
    if pod is not None:
        return pod.metadata.deletion_timestamp or pods.not_ready_since(pod)
    return refused.first_seen(refused.refusals(view, item)) or members.last_change() or item.metadata.creation_timestamp


def _reason(view: View, item: StatefulSet, pod: Pod | None) -> str:
    if pod is None:
        events = refused.refusals(view, item)
        return f"cannot be created: {refused.explain(events[0].message)}" if events else "is not there"
    if pod.metadata.deletion_timestamp is not None:
        return "is being deleted and does not go"
    if not pods.alive(pod):
        return f"has ended ({pod.status.reason or pod.status.phase})"
    return f"is not ready: {pending.why_not_ready(view, pod)}"


def _waiting(item: StatefulSet, members: Members, holder: str) -> str:
    """What is not done before the pod that holds it is ready: further pods, or the rest of a rolling update."""
    others = [name for name in members.absent if name != holder]
    if item.spec.pod_management_policy == "Parallel" or not others:
        return "; its rolling update waits for it" if _left(item) else ""
    names = others[0] if len(others) == 1 else f"{others[0]} to {others[-1]}"
    return f"; {names} {'waits' if len(others) == 1 else 'wait'} for it (OrderedReady)"


def _explaining(view: View, item: StatefulSet, name: str, pod: Pod | None) -> Iterator[Ref]:
    """What, when broken, explains it: the pod itself, its claims, its node, and what refuses it."""
    if pod is not None:
        yield from (pods.reference(pod), *pods.claims(view, pod), *pods.on_node(pod))
        return
    yield Ref("Pod", name, item.namespace)
    for event in refused.refusals(view, item)[:1]:
        yield from refused.causes(view, event.message, item.namespace)


def _standing(item: StatefulSet, members: Members) -> Hit:
    done = item.status.updated_replicas
    return Hit(
        ref=Ref("StatefulSet", item.name, item.namespace),
        summary=f"its rolling update stands still, and all its pods are ready: {done} of {wanted(item)} are updated",
        evidence=tuple(_counts(item)),
        value=Value(float(done), "replicas"),
        since=members.last_change(),
        severity="warning",
        details={"pod": next(iter(members.pods))},
    )


def _counts(item: StatefulSet) -> Iterator[Evidence]:
    status = item.status
    yield evidence.fact(
        f"replicas: {wanted(item)} wanted, {status.replicas} there, {status.ready_replicas} ready,"
        f" {status.updated_replicas} of revision {status.update_revision or 'unknown'}"
    )


def _evidence(view: View, item: StatefulSet, members: Members, pod: Pod | None) -> Iterator[Evidence]:
    yield from _counts(item)
    yield evidence.fact("not ready: " + ", ".join(members.unready))
    if pod is None:
        yield from (evidence.from_event(event) for event in refused.refusals(view, item)[:1])
        return
    if state := condition(pod.status.conditions, "Ready"):
        yield evidence.from_condition(state)
    revision = pod.metadata.labels.get(_REVISION)
    if revision and item.status.update_revision not in {"", revision}:
        newest = item.status.update_revision
        yield evidence.fact(f"{pod.name} is of revision {revision}; {newest} replaces it only once it is ready")
    yield from (evidence.from_event(event) for event in pods.pod_events(view, pod)[:1])
