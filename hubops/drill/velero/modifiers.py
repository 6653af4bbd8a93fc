"""What Velero changes in the objects of a drill before it creates them, so that none acts outside; pure.

Velero does it by its resource modifiers. All of them are JSON merge patches: of these none fails, whereas after a JSON
patch that does not fit Velero creates the object unchanged.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from hubops.drill.velero import outside
from hubops.drill.velero.objects import Key, Object
from hubops.errors import Permanent

Patch = dict[str, Any]

#: A label that no node and no volume has.
NOWHERE = {"hubops.io/drill": "nowhere"}
_REPLICATED = frozenset({
    "deployments.apps", "statefulsets.apps", "replicasets.apps", "replicationcontrollers",
})  # fmt: skip
_TEMPLATED = _REPLICATED | {"daemonsets.apps"}
_SUSPENDED = frozenset({"cronjobs.batch", "jobs.batch"})
#: Owners whose pods may run in a drill; those of Jobs would do their work again.
_RUNNING = frozenset({"ReplicaSet", "StatefulSet", "ReplicationController"})
#: A pod that nobody prefers: none of production's has to go for it.
_NO_PRIORITY: Patch = {"priorityClassName": None, "priority": None, "preemptionPolicy": None}
_EXTERNAL = ("externalIPs", "externalTrafficPolicy", "loadBalancerIP", "loadBalancerClass", "healthCheckNodePort",
             "loadBalancerSourceRanges", "allocateLoadBalancerNodePorts")  # fmt: skip
#: Bytes of a ConfigMap, which a MiB is the limit of.
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Settings:
    """What a drill wants beside keeping everything inside.

    workloads  run what was restored
    bound      PersistentVolumes come back, and the claims are to find them
    found      storage classes in which a claim would take a volume that is there already: those have to wait
    """

    workloads: bool = True
    bound: frozenset[tuple[str, str]] = frozenset()  # namespace and name of the claims
    found: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rule:
    """A JSON merge patch of all objects of a resource in *namespaces*, or of those that it names."""

    resource: str
    patch: Patch
    namespaces: tuple[str, ...]
    names: frozenset[str] = frozenset()

    def concerns(self, resource: str, item: Mapping[str, Any]) -> bool:
        """Whether the object is one of those."""
        metadata = item["metadata"]
        here = resource == self.resource and metadata.get("namespace", "") in self.namespaces
        return here and (not self.names or metadata["name"] in self.names)

    def document(self) -> dict[str, Any]:
        """The same as one of Velero's resource modifier rules."""
        conditions: dict[str, Any] = {"groupResource": self.resource, "namespaces": list(self.namespaces)}
        if self.names:
            conditions["resourceNameRegex"] = f"^({'|'.join(re.escape(each) for each in sorted(self.names))})$"
        return {"conditions": conditions, "mergePatches": [{"patchData": msgspec.json.encode(self.patch).decode()}]}


@dataclass(frozen=True)
class Modifiers:
    """The rules; what they do, counted in words; the workloads that are not to run, each with the reason."""

    rules: tuple[Rule, ...]
    counted: Mapping[str, int]
    resting: Mapping[Key, str]

    def modified(self, resource: str, item: Mapping[str, Any]) -> dict[str, Any]:
        """*item* as it is to be restored. As Velero does, each rule looks at the object as it was before any."""
        result: Any = item
        for rule in self.rules:
            if rule.concerns(resource, item):
                result = merged(result, rule.patch)
        return dict(result)

    def document(self) -> str:
        """What stands in the ConfigMap that a Restore names. Raises Permanent where that cannot hold it."""
        rules = [each.document() for each in self.rules]
        written = msgspec.json.encode({"version": "v1", "resourceModifierRules": rules}).decode()
        if len(written) > _LARGEST:
            raise Permanent("what the drill has to change in so many objects is more than a ConfigMap can hold; let "
                            "drill.velero.namespaces name fewer namespaces")  # fmt: skip
        return written


def modifiers(items: Iterable[tuple[Key, Object]], namespaces: Iterable[str], settings: Settings) -> Modifiers:
    """What is to be changed in *items*, and in whatever else there is in *namespaces*."""
    everywhere = tuple(sorted(namespaces))
    named: dict[tuple[str, str, bytes], set[str]] = defaultdict(set)
    counted: Counter[str] = Counter()
    resting: dict[Key, str] = {}
    for key, item in items:
        patch: Patch = {}
        for words, part in _parts(key, item, settings):
            patch = joined(patch, part)
            counted[words] += 1
        if why := _rests(key, item, settings):
            resting[key] = why
            patch = joined(patch, _rest(key.resource))
        if patch:
            named[key.resource, key.namespace, msgspec.json.encode(patch, order="sorted")].add(key.name)
    each = (
        Rule(resource, msgspec.json.decode(patch), (space,), frozenset(names))
        for (resource, space, patch), names in named.items()
    )
    return Modifiers((*_always(everywhere, settings), *each), dict(counted), resting)


def _always(namespaces: tuple[str, ...], settings: Settings) -> Iterator[Rule]:
    """What holds for every object of a kind, whatever is known of it."""
    for resource in sorted(_SUSPENDED):
        yield Rule(resource, {"spec": {"suspend": True}}, namespaces)
    yield Rule("services", {"spec": dict.fromkeys(_EXTERNAL)}, namespaces)
    yield Rule("pods", {"spec": _NO_PRIORITY}, namespaces)
    if not settings.bound:
        yield Rule("persistentvolumeclaims", {"spec": {"volumeName": None}}, namespaces)
    for resource in sorted(_TEMPLATED):
        patch: Patch = {"spec": {"template": {"spec": _NO_PRIORITY}}}
        if resource not in _REPLICATED or not settings.workloads:
            patch = joined(patch, _rest(resource))
        yield Rule(resource, patch, namespaces)


def _parts(key: Key, item: Object, settings: Settings) -> Iterator[tuple[str, Patch]]:
    """What this object needs beside that, and how it is said of many."""
    resource, metadata, spec = key.resource, item["metadata"], item.get("spec") or {}
    if found := outside.marks(metadata):
        yield "annotations and labels that others act on taken away", {"metadata": found}
    template = (spec.get("template") or {}).get("metadata") if resource in _TEMPLATED else None
    if template and (found := outside.marks(template)):
        yield "annotations and labels that others act on taken away", {"spec": {"template": {"metadata": found}}}
    if resource in _SUSPENDED and not spec.get("suspend"):
        yield "CronJobs and Jobs suspended", {}
    if resource == "services" and spec.get("type") in ("LoadBalancer", "NodePort"):
        ports = [{key: value for key, value in port.items() if key != "nodePort"} for port in spec.get("ports") or ()]
        yield "Services made ClusterIP", {"spec": {"type": "ClusterIP", "ports": ports}}
    if resource == "persistentvolumeclaims":
        yield from _of_claim(key, spec, settings)


def _of_claim(key: Key, spec: Mapping[str, Any], settings: Settings) -> Iterator[tuple[str, Patch]]:
    if (key.namespace, key.name) in settings.bound:
        return
    if settings.bound:
        yield "claims get a volume of their own", {"spec": {"volumeName": None}}
    if (name := spec.get("storageClassName")) is not None and (not name or name in settings.found):
        yield (
            "claims that would take a volume that is there have to wait",
            {"spec": {"selector": {"matchLabels": NOWHERE}}},
        )


def _rests(key: Key, item: Object, settings: Settings) -> str | None:
    """Why pods of this object do not run; None where they may, or it has none."""
    resource, spec = key.resource, item.get("spec") or {}
    if resource == "pods":
        return _pod_rests(item)
    if resource == "daemonsets.apps":
        return "its pods would run on every node"
    if resource not in _REPLICATED or not spec.get("replicas", 1):
        return None
    if not settings.workloads:
        return "drill.velero.workloads is false"
    used = outside.of_node((spec.get("template") or {}).get("spec") or {})
    return f"its pods use {used}" if used else None


def _pod_rests(pod: Object) -> str | None:
    owners = [each.get("kind") for each in pod["metadata"].get("ownerReferences") or ()]
    if owners and not _RUNNING.intersection(owners):
        return f"it is a pod of a {owners[0]}"
    used = outside.of_node(pod.get("spec") or {})
    return f"it uses {used}" if used else None


def _rest(resource: str) -> Patch:
    if resource in _REPLICATED:
        return {"spec": {"replicas": 0}}
    nowhere: Patch = {"spec": {"nodeSelector": NOWHERE}}
    return nowhere if resource == "pods" else {"spec": {"template": nowhere}}


def joined(patch: Patch, other: Patch) -> Patch:
    """One patch that does what both do; where they differ, what *other* does."""
    result = dict(patch)
    for key, value in other.items():
        before = result.get(key)
        result[key] = joined(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result


def merged(target: Any, patch: Any) -> Any:
    """*target* after the JSON merge patch *patch* (RFC 7396); neither is altered."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
