"""pod-evicted: what kubelets evict, or do not let in, again and again; by workload, or by node."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.phrases import meaning, phrases
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Pod
from hubops.model.kube.meta import condition
from hubops.model.quantity import human_duration

#: How a kubelet begins the message of a pod that it did not let in (pkg/kubelet, rejectPod).
_REJECTED = "Pod was rejected: "
#: A node that shuts down does as it was told.
_SHUTDOWN = frozenset({"NodeShutdown", "Terminated"})
#: What makes the last part of a pod's name (apimachinery's rand.String).
_SUFFIX = re.compile(rf"-{pods.RANDOM}{{5}}$")
#: What kubelets write (pkg/kubelet/eviction), and what it means to whom it happens.
_WORDS = phrases(
    (r'Usage of EmptyDir volume "(.+?)" exceeds the limit "(.+?)"', r"emptyDir \1 grows over its limit of \2"),
    (r'Container (\S+) exceeded its local ephemeral storage limit "(.+?)"',
     r"container \1 writes more than its ephemeral-storage limit of \2"),
    (r"ephemeral local storage usage exceeds the total limit of containers (\S+?)\.?(?:\s|$)",
     r"it writes more than the ephemeral-storage limits of its containers, \1"),
    (r"The node was low on resource: ([\w./-]+?)\.(?:\s|$)", r"the node ran low on \1"),
    (r"The node had condition: \[(.+?)\]", r"the node reports \1"),
    (r"Preempted in order to admit critical pod", "room was made for a critical pod"),
)  # fmt: skip
#: Which of those are the node's trouble, and not of the pod's own making.
_OF_THE_NODE = ("The node ", "Node ", "Preempted")


class Eviction(NamedTuple):
    """One pod that was put out or not let in: what owned it, where, when, and the kubelet's words."""

    uid: str
    owner: Ref
    pod: str
    node: str
    at: datetime | None
    message: str
    rejected: bool

    @property
    def of_the_node(self) -> bool:
        return self.message.startswith(_OF_THE_NODE)


@probe(needs=("pods", "events"), uses=("nodes", "daemonsets"))
def pod_evicted(view: View, *, within: timedelta, times: int) -> Iterator[Hit]:
    """Workloads of which *times* pods or more were evicted or rejected in the time *within*; and nodes, likewise.

    A node is named for what it evicted of several workloads, none of which was hit that often. A single eviction is
    how a node protects itself, and its corpse stays until someone deletes it: neither is news.
    """
    found = [item for item in _evictions(view) if item.at is None or view.now - item.at <= within]
    by_owner: dict[Ref, list[Eviction]] = defaultdict(list)
    for item in found:
        by_owner[item.owner].append(item)
    rest: dict[str, list[Eviction]] = defaultdict(list)
    for owner, items in by_owner.items():
        if len(items) >= times:
            yield _hit(owner, items)
            continue
        for item in items:
            if item.of_the_node and item.node:
                rest[item.node].append(item)
    for node, items in rest.items():
        if len(items) >= times:
            yield _hit(Ref("Node", node), items)


def _evictions(view: View) -> Iterable[Eviction]:
    """Every eviction once: from the corpse, or from the event where the corpse is gone."""
    found = {item.uid: item for item in _from_events(view)}
    found.update({item.uid: item for pod in view.objects.pods if (item := _from_pod(view, pod))})
    return found.values()


def _from_pod(view: View, pod: Pod) -> Eviction | None:
    status = pod.status
    rejected = status.message.startswith(_REJECTED)
    if status.phase != "Failed" or status.reason in _SHUTDOWN:
        return None
    if not rejected and status.reason not in {"Evicted", "Preempting"}:
        return None
    message = status.message.removeprefix(_REJECTED).removeprefix("Pod ")
    return Eviction(
        pod.metadata.uid or f"{pod.namespace}/{pod.name}",
        view.owner(pod),
        pod.name,
        pod.spec.node_name,
        _ended(pod),
        message if message.startswith("The node") else status.message.removeprefix(_REJECTED),
        rejected,
    )


def _ended(pod: Pod) -> datetime | None:
    """When *pod* failed: a kubelet notes the disruption, or at least when the containers ended."""
    disrupted = condition(pod.status.conditions, "DisruptionTarget")
    if disrupted is not None and disrupted.last_transition_time:
        return disrupted.last_transition_time
    states = [slot.status.state.terminated for slot in pods.slots(pod)]
    ends = [state.finished_at for state in states if state and state.finished_at]
    return max(ends, default=pod.status.start_time or pod.metadata.creation_timestamp)


def _from_events(view: View) -> Iterator[Eviction]:
    """What the controllers of StatefulSets and DaemonSets have tidied away already."""
    for event in view.objects.events:
        about = event.involved_object
        if event.reason != "Evicted" or about.kind != "Pod" or event.type != "Warning":
            continue
        owner = _owner(view, Ref("Pod", about.name, about.namespace))
        at = event.last_seen
        uid = about.uid or f"{about.namespace}/{about.name}"
        yield Eviction(uid, owner, about.name, event.source.host, at, event.message, False)


def _owner(view: View, pod: Ref) -> Ref:
    """Whose pod it was; that of a DaemonSet has another name by now, and only begins like it."""
    if view.find(pod) is None:
        above = Ref("DaemonSet", _SUFFIX.sub("", pod.name), pod.namespace)
        if view.find(above) is not None:
            return above
    return view.owner_of(pod)


def _hit(ref: Ref, items: Sequence[Eviction]) -> Hit:
    newest = sorted(items, key=lambda item: (item.at.timestamp() if item.at else 0.0, item.uid), reverse=True)
    nodes = tuple(dict.fromkeys(item.node for item in newest if item.node))
    times = [item.at for item in items if item.at]
    cause = Counter(explain(item.message) for item in newest).most_common(1)[0][0]
    rejected = all(item.rejected for item in items)
    verb = "not let in by the kubelet" if rejected else "evicted"
    number = evidence.counted(len(items), "pod")
    where = f", on node {nodes[0]}" if len(nodes) == 1 and ref.kind != "Node" else ""
    return Hit(
        ref=ref,
        summary=evidence.bounded(f"{number} {verb}{_span(times)}{where}: {cause}", 300),
        evidence=tuple(_evidence(newest)),
        value=Value(float(len(items)), "evictions"),
        since=min(times, default=None),
        depends_on=tuple(Ref("Node", node) for node in nodes) if all(item.of_the_node for item in items) else (),
        details={"pod": newest[0].pod} | ({"node": nodes[0]} if nodes else {}),
    )


def _span(times: Sequence[datetime]) -> str:
    """In how long it happened, unless it was at once."""
    lasted = max(times) - min(times) if times else timedelta()
    return f" in {human_duration(lasted)}" if lasted >= timedelta(minutes=1) else ""


def explain(message: str) -> str:
    """What a kubelet's message about an eviction means, or the message itself."""
    return meaning(_WORDS, message) or evidence.bounded(message, 160) or "the kubelet does not say why"


def _evidence(newest: Sequence[Eviction]) -> Iterator[Evidence]:
    by_node = Counter(item.node for item in newest if item.node)
    yield evidence.fact("by node: " + ", ".join(f"{node} {count}" for node, count in by_node.most_common(4)))
    owners = Counter(str(item.owner) for item in newest)
    if len(owners) > 1:
        yield evidence.fact("of: " + ", ".join(f"{owner} {count}" for owner, count in owners.most_common(4)))
    for item in newest[:2]:
        yield evidence.fact(f"pod {item.pod}: {item.message}", item.at)
