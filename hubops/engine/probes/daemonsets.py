"""daemonset-short: on which nodes a DaemonSet should run and does not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, node_fit, pending, pods, readiness, refused
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Node, Pod, PodSpec, Toleration
from hubops.model.kube.workloads import DaemonSet

#: What its controller adds to the tolerations of every pod (pkg/controller/daemon, AddOrUpdateDaemonPodTolerations).
_ADDED = (
    *(("node.kubernetes.io/" + key, "NoExecute") for key in ("not-ready", "unreachable")),
    *(
        ("node.kubernetes.io/" + key, "NoSchedule")
        for key in ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
    ),
)
_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")


class Gap(NamedTuple):
    """A node without a ready pod: the pod there, if any, since when, and why."""

    node: Node
    pod: Pod | None
    since: datetime | None
    reason: str


@probe(needs=("daemonsets", "pods", "nodes"), uses=("events", "persistentvolumeclaims"))
def daemonset_short(view: View, *, grace: timedelta, updating: timedelta) -> Iterator[Hit]:
    """Nodes older than *grace* on which a DaemonSet should have a ready pod and has had none for as long, and rolling
    updates that stand still for *updating* though every node is served. Critical where no node has a ready pod.

    An update with OnDelete is meant to wait.
    """
    for item in view.objects.daemonsets:
        seen = item.status.observed_generation >= item.metadata.generation
        if not seen or item.metadata.deletion_timestamp is not None:
            continue
        wanted = [node for node in view.objects.nodes if should_run(item, node)]
        gaps = [gap for gap in _gaps(view, item, wanted) if _lasts(view, gap, grace)]
        # Those on nodes in trouble first: they are the nodes', and are told apart from what is wrong elsewhere.
        for troubled in (True, False):
            part = [gap for gap in gaps if readiness.node_ready(gap.node) != troubled]
            yield from _hits(view, item, part, len(wanted))
        if not gaps and _standing_still(view, item, updating):
            yield _update(view, item)


def should_run(item: DaemonSet, node: Node) -> bool:
    """Whether its controller wants a pod on *node*."""
    return item.spec.template.spec.node_name in {"", node.name} and node_fit.fits(pod_spec(item), node)


def pod_spec(item: DaemonSet) -> PodSpec:
    """The pods as the controller makes them: with its tolerations."""
    spec = item.spec.template.spec
    added = (*_ADDED, _NETWORK) if spec.host_network else _ADDED
    tolerations = (Toleration(key=key, operator="Exists", effect=effect) for key, effect in added)
    return msgspec.structs.replace(spec, tolerations=(*spec.tolerations, *tolerations))


def own_pods(view: View, item: DaemonSet) -> tuple[Pod, ...]:
    return view.pods_of.get(Ref("DaemonSet", item.name, item.namespace), ())


def _node_of(pod: Pod) -> str:
    """The node that *pod* is on, or was made for: the controller asks for it by name."""
    required = pod.spec.required_nodes
    fields = [field for term in (required.node_selector_terms if required else ()) for field in term.match_fields]
    return pod.spec.node_name or next((field.values[0] for field in fields if field.values), "")


def _gaps(view: View, item: DaemonSet, wanted: Sequence[Node]) -> Iterator[Gap]:
    by_node: dict[str, list[Pod]] = {}
    for pod in own_pods(view, item):
        by_node.setdefault(_node_of(pod), []).append(pod)
    # Its own count knows of rules that are not looked at here: no pod is called missing that it does not miss.
    missing = item.status.current_number_scheduled < item.status.desired_number_scheduled
    for node in wanted:
        there = by_node.get(node.name, [])
        if any(pods.alive(pod) and pods.ready(pod) for pod in there):
            continue
        best = next((pod for pod in there if pods.alive(pod)), there[0] if there else None)
        if best is not None:
            yield Gap(node, best, best.metadata.deletion_timestamp or pods.not_ready_since(best), _reason(view, best))
        elif missing:
            yield Gap(node, None, *_absence(view, item))


def _absence(view: View, item: DaemonSet) -> tuple[datetime | None, str]:
    """Since when there is no pod on a node, as far as it is known, and why."""
    if events := refused.refusals(view, item):
        return refused.first_seen(events), f"its pod cannot be created: {refused.explain(events[0].message)}"
    return _last_change(view, item), "its controller has made no pod for it"


def _last_change(view: View, item: DaemonSet) -> datetime | None:
    return pods.last_change(own_pods(view, item)) or item.metadata.creation_timestamp


def _reason(view: View, pod: Pod) -> str:
    if pod.metadata.deletion_timestamp is not None:
        return "its pod is being deleted and does not go"
    if not pods.alive(pod):
        return f"its pod has ended ({pod.status.reason or pod.status.phase})"
    return pending.why_not_ready(view, pod)


def _lasts(view: View, gap: Gap, grace: timedelta) -> bool:
    joined = pods.longer_than(view, gap.node.metadata.creation_timestamp, grace)
    return joined and pods.longer_than(view, gap.since, grace)


def _hits(view: View, item: DaemonSet, gaps: Sequence[Gap], wanted: int) -> Iterator[Hit]:
    """One hit for each node, all with the same words, so that what a lost node explains goes with that node."""
    if not gaps:
        return
    names = sorted(gap.node.name for gap in gaps)
    where = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    reason = Counter(gap.reason for gap in gaps).most_common(1)[0][0]
    nobody = item.status.number_ready == 0
    for gap in gaps:
        yield Hit(
            ref=pods.reference(gap.pod) if gap.pod else Ref("DaemonSet", item.name, item.namespace),
            summary=evidence.bounded(f"no ready pod on {len(gaps)} of {wanted} nodes ({where}): {reason}", 400),
            evidence=tuple(_evidence(view, item, gap)),
            value=Value(float(len(gaps)), "nodes"),
            since=gap.since,
            severity="critical" if nobody else None,
            depends_on=tuple(_explaining(view, item, gap)),
            details={"node": gap.node.name} | (pods.details(gap.pod) if gap.pod else {}),
            example=gap.node.name,
        )


def _explaining(view: View, item: DaemonSet, gap: Gap) -> Iterator[Ref]:
    yield Ref("Node", gap.node.name)
    if gap.pod is not None:
        yield from pods.claims(view, gap.pod)
    for event in refused.refusals(view, item)[:1] if gap.pod is None else ():
        yield from refused.causes(view, event.message, item.namespace)


def _evidence(view: View, item: DaemonSet, gap: Gap) -> Iterator[Evidence]:
    yield _counts(item)
    yield evidence.fact(f"node {gap.node.name}: {gap.reason}", gap.since)
    events = pods.pod_events(view, gap.pod) if gap.pod else refused.refusals(view, item)
    yield from (evidence.from_event(event) for event in events[:1])


def _counts(item: DaemonSet) -> Evidence:
    status = item.status
    return evidence.fact(
        f"nodes: {status.desired_number_scheduled} wanted, {status.current_number_scheduled} with a pod,"
        f" {status.number_ready} ready, {status.updated_number_scheduled} updated"
    )


def _standing_still(view: View, item: DaemonSet, updating: timedelta) -> bool:
    behind = item.status.updated_number_scheduled < item.status.desired_number_scheduled
    rolling = item.spec.update_strategy.type in {"", "RollingUpdate"}
    return behind and rolling and pods.longer_than(view, _last_change(view, item), updating)


def _update(view: View, item: DaemonSet) -> Hit:
    """A new pod beside the old one that does not become ready (maxSurge), or a controller that does not go on."""
    done, wanted = item.status.updated_number_scheduled, item.status.desired_number_scheduled
    unready = [pod for pod in own_pods(view, item) if pods.alive(pod) and not pods.ready(pod)]
    why = f": {_reason(view, unready[0])}" if unready else ", though all its pods are ready"
    return Hit(
        ref=Ref("DaemonSet", item.name, item.namespace),
        summary=evidence.bounded(f"its rolling update stands still at {done} of {wanted} nodes{why}", 400),
        evidence=(_counts(item),),
        value=Value(float(wanted - done), "nodes"),
        since=_last_change(view, item),
        details=pods.details(unready[0]) if unready else {},
    )
