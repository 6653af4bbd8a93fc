"""What the scheduler says about a pod that fits nowhere, in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from hubops.engine.probes import constraints
from hubops.engine.probes.phrases import meaning, phrases
from hubops.engine.view import View
from hubops.model.finding import Ref
from hubops.model.kube.core import Container, Node, Pod, Taint, Toleration
from hubops.model.quantity import human_bytes, parse_quantity


class Obstacle(NamedTuple):
    """Why some nodes do not fit. `nodes` is None for a reason that holds before any node is looked at."""

    nodes: int | None
    reason: str


class Answer(NamedTuple):
    """The scheduler's message taken apart: how many nodes there are, and what speaks against them."""

    total: int
    obstacles: tuple[Obstacle, ...]


#: "0/6 nodes are available: 2 Insufficient cpu, 4 node(s) …. preemption: …" (kube-scheduler's FitError).
_ANSWER = re.compile(r"0/(\d+) nodes are available:\s*(.*)$", re.DOTALL)
_COUNTED = re.compile(r"^(\d+) (.+)$", re.DOTALL)
#: The taints that the node controller sets on nodes in trouble, and what they say of them.
_TROUBLED = {
    "node.kubernetes.io/not-ready": "are not ready",
    "node.kubernetes.io/unreachable": "are not ready",
    "node.kubernetes.io/disk-pressure": "are short of disk space",
    "node.kubernetes.io/memory-pressure": "are short of memory",
    "node.kubernetes.io/pid-pressure": "are out of process ids",
    "node.kubernetes.io/network-unavailable": "have no network",
}

#: The scheduler's reasons (kube-scheduler 1.24–1.36, the ErrReason constants of its plugins) to follow "3 of 6 …".
_WORDS = phrases(
    (r"^Too many pods$", "have no room for another pod"),
    (r"^node\(s\) were unschedulable$", "are cordoned"),
    (r"^node\(s\) (?:were not|weren't) ready$", "are not ready"),
    (r"didn't find available persistent volumes to bind", "offer no volume for its claim"),
    (r"volume node affinity conflict|didn't match PersistentVolume's node affinity", "cannot reach its volume"),
    (r"had no available volume zone", "are not in the zone of its volume"),
    (r"exceed max volume count", "have no room for another attached volume"),
    (r"did not have enough free storage", "lack free storage for its volume"),
    (r"ReadWriteOncePod access mode already in-use", "cannot mount its claim, which another pod holds alone"),
    (r"bound to non-existent pv", "cannot mount its claim, whose volume is gone"),
    (r"didn't satisfy plugin\(s\) \[(.+)\]", r"are ruled out by \1"),
)  # fmt: skip


#: Those that speak of what the pod itself demands, which its manifest says better.
_DEMANDS: tuple[tuple[str, Callable[[View, Pod], str]], ...] = (
    ("node affinity/selector", lambda _, pod: f"do not match {constraints.node_labels(pod)}"),
    ("didn't match node selector", lambda _, pod: f"do not match {constraints.node_labels(pod)}"),
    (
        "pod affinity rules",
        lambda _, pod: f"lack the pods that its pod affinity asks for{constraints.neighbours_wanted(pod)}",
    ),
    (
        "existing pods anti-affinity",
        lambda view, pod: f"run pods whose anti-affinity excludes it{constraints.excluded_by(view, pod)}",
    ),
    ("anti-affinity", lambda _, pod: f"run pods that its anti-affinity excludes{constraints.neighbours_excluded(pod)}"),
    (
        "(missing required label)",
        lambda _, pod: f"lack the label {constraints.spread_keys(pod)} of its topology spread",
    ),
    ("topology spread constraints", lambda _, pod: f"would break its topology spread{constraints.spread(pod)}"),
    ("free ports", lambda view, pod: f"have {constraints.ports_in_use(view, pod)}"),
)


def parse(message: str) -> Answer | None:
    """The answer that *message* holds, without what it says about preemption; None for any other text."""
    match = _ANSWER.search(message.strip())
    if match is None:
        return None
    # The reasons end at the first full stop that ends a sentence; keys such as nvidia.com/gpu hold others.
    reasons = re.split(r",\s+(?=\d+ )", re.split(r"\.(?:\s|$)", match.group(2), maxsplit=1)[0].strip())
    return Answer(int(match.group(1)), tuple(_obstacle(reason) for reason in reasons if reason))


def _obstacle(reason: str) -> Obstacle:
    if counted := _COUNTED.match(reason):
        return Obstacle(int(counted.group(1)), counted.group(2))
    return Obstacle(None, reason)


#: The verbs of one node.
_SINGULAR = {"are": "is", "do": "does", "have": "has", "lack": "lacks", "offer": "offers", "run": "runs"}


def explain(answer: Answer, pod: Pod, view: View) -> str:
    """The answer in one line: "no node fits: 4 of 6 lack cpu (asks 8 cores), 2 are tainted dedicated=gpu"."""
    if not answer.obstacles:
        return f"none of {answer.total} nodes fits, and the scheduler gives no reason"
    most_first = sorted(answer.obstacles, key=lambda obstacle: -(obstacle.nodes or answer.total))
    parts = []
    for number, obstacle in enumerate(most_first):
        words = _words(obstacle.reason, pod, view)
        if obstacle.nodes == 1:
            verb, _, rest = words.partition(" ")
            words = f"{_SINGULAR.get(verb, verb)} {rest}"
        of = f" of {answer.total}" if number == 0 else ""
        parts.append(words if obstacle.nodes is None else f"{obstacle.nodes}{of} {words}")
    if answer.obstacles[0].nodes is None:
        return "cannot be placed: " + ", ".join(parts)
    return "no node fits: " + ", ".join(parts)


def _words(reason: str, pod: Pod, view: View) -> str:
    if short := re.match(r"^Insufficient (\S+)$", reason):
        return f"lack {short.group(1)} (asks {amount(short.group(1), requested(pod, short.group(1)))})"
    if "taint" in reason:
        return _taint_words(reason, pod, view)
    if missing := re.search(r'persistentvolumeclaim "(.+?)" not found', reason):
        return f"claim {missing.group(1)} does not exist"
    if "unbound immediate PersistentVolumeClaims" in reason:
        return constraints.unbound_claims(view, pod)
    for mark, demand in _DEMANDS:
        if mark in reason:
            return demand(view, pod)
    return meaning(_WORDS, reason) or reason.removeprefix("node(s) ")


def _taint_words(reason: str, pod: Pod, view: View) -> str:
    if named := re.search(r"\{(\S+?): ?(.*?)\}", reason):
        key, value = named.groups()
        return _TROUBLED.get(key) or f"are tainted {key}{f'={value}' if value else ''}"
    taints = sorted({_name(taint) for node in view.objects.nodes for taint in untolerated(node, pod.spec.tolerations)})
    if taints and all(taint in _TROUBLED for taint in taints):
        return " or ".join(dict.fromkeys(_TROUBLED[taint] for taint in taints))
    more = f" and {len(taints) - 3} more" if len(taints) > 3 else ""
    return f"are tainted {', '.join(taints[:3])}{more}".rstrip()


def _name(taint: Taint) -> str:
    return f"{taint.key}={taint.value}" if taint.value else taint.key


def untolerated(node: Node, tolerations: Sequence[Toleration]) -> tuple[Taint, ...]:
    """The taints of *node* that keep a pod with these *tolerations* away from it."""
    hard = (taint for taint in node.spec.taints if taint.effect in {"NoSchedule", "NoExecute"})
    return tuple(taint for taint in hard if not any(_tolerates(item, taint) for item in tolerations))


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    """As the API's Toleration.ToleratesTaint: no effect and no key match any, the operator's default is Equal."""
    if toleration.effect not in {"", taint.effect} or toleration.key not in {"", taint.key}:
        return False
    return toleration.operator == "Exists" or (bool(toleration.key) and toleration.value == taint.value)


def troubled_nodes(answer: Answer, pod: Pod, view: View) -> tuple[Ref, ...]:
    """The nodes whose trouble alone keeps *pod* waiting: empty where any other obstacle is named."""
    said = {words for obstacle in answer.obstacles for words in _words(obstacle.reason, pod, view).split(" or ")}
    if not said <= set(_TROUBLED.values()):
        return ()
    return tuple(
        Ref("Node", node.name)
        for node in view.objects.nodes
        if any(taint.key in _TROUBLED for taint in node.spec.taints)
    )


def requested(pod: Pod, resource: str) -> float:
    """What *pod* asks of *resource*: its containers and sidecars together, or its largest init container if more."""
    sidecars = [item for item in pod.spec.init_containers if item.restart_policy == "Always"]
    together = sum(_request(item, resource) for item in (*pod.spec.containers, *sidecars))
    return max([together, *(_request(item, resource) for item in pod.spec.init_containers)])


def _request(container: Container, resource: str) -> float:
    try:
        return parse_quantity(container.resources.requests.get(resource, "0"))
    except ValueError:
        return 0.0


def amount(resource: str, number: float) -> str:
    """*number* of *resource* in its unit: "1.5 cores", "512.0 MiB", "3"."""
    if resource == "cpu":
        return f"{number:g} core{'s' if number != 1 else ''}"
    if resource in {"memory", "ephemeral-storage"} or resource.startswith("hugepages-"):
        return human_bytes(number)
    return f"{number:g}"
