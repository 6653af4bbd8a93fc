"""Removes what an installation has made, in the reverse of its order, and leaves what is not its own to destroy.

Custom resource definitions stay, since deleting one deletes every object of its kind; claims stay, since they are data;
and a namespace stays as long as a claim or a pod is in it. Definitions that a chart has among its templates are Helm's:
they go with the release, and whoever is asked about that is told before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from msgspec.structs import replace

from hubops.bootstrap.chart_objects import objects_of
from hubops.bootstrap.gate import Verdict, awaited, passed, waiting
from hubops.bootstrap.record import Record, Records, Ref
from hubops.bootstrap.target import Target
from hubops.clients.helm import Release
from hubops.clients.kube.errors import NotServed
from hubops.clients.kube.writer import FIELD_MANAGER
from hubops.clients.retry import Deadline

#: Deleted first, because it is what keeps others from being changed, or last, because others live in it.
_ORDER = {"ValidatingWebhookConfiguration": 0, "MutatingWebhookConfiguration": 0, "Namespace": 2}
#: With "keep", Helm leaves an object of a release that it uninstalls.
_POLICY = "helm.sh/resource-policy"


def to_remove(records: Records, releases: Sequence[Release]) -> list[tuple[Record, Release | None]]:
    """The components that hubops has installed, each before all that it needs, with their releases."""
    by_name = {f"{each.namespace}/{each.name}": each for each in releases}
    found = [(each, by_name.get(each.release)) for each in records.known.values()]
    return sorted(found, key=lambda item: (-_depth(item[0].component, records), item[0].component))


def _depth(name: str, records: Records) -> int:
    """How many components stand one upon the other under *name*."""
    record = records.known.get(name)
    return 1 + max((_depth(need, records) for need in record.needs), default=0) if record else 0


def taken_along(target: Target, release: Release) -> list[str]:
    """The custom resource definitions that Helm deletes with *release*, by their names. Raises SourceError."""
    return sorted(name for name, policy in _definitions(target, release).items() if policy != "keep")


def _definitions(target: Target, release: Release) -> dict[str, str]:
    """The definitions that are part of *release*, with what Helm is to do with each when it uninstalls that."""
    made = objects_of(target.helm.manifest(release.name, release.namespace))
    found = (item["metadata"] for item in made if item["kind"] == "CustomResourceDefinition")
    return {each["name"]: (each.get("annotations") or {}).get(_POLICY, "") for each in found}


@dataclass
class Removal:
    """One run over the components of a cluster."""

    target: Target
    records: Records
    timeout: float  # seconds for one component
    say: Callable[[str, str], None]  # component, what it is doing
    over: Callable[[str, str], None]  # component, how it ended
    _kept: list[str] = field(default_factory=list)
    _definitions: set[str] = field(default_factory=set)  # that Helm has left
    _writing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def kept(self) -> list[str]:
        """What was left, and why. Raises SourceError."""
        found = self.target.cluster.find("apiextensions.k8s.io/v1", "CustomResourceDefinition")
        ours = [each for each in found if each["metadata"]["name"] in self._definitions or _is_ours(each["metadata"])]
        groups = ", ".join(sorted({each["spec"]["group"] for each in ours}))
        reason = "deleting one deletes every object of its kind"
        return [*self._kept, *([f"{len(ours)} CustomResourceDefinitions of {groups}: {reason}"] if ours else [])]

    def remove(self, record: Record, release: Release | None) -> None:
        """Remove one component, and forget it once it is gone. Raises StepFailed where something does not go."""
        deadline, say = Deadline(self.timeout), partial(self.say, record.component)
        with self._writing:
            self.records.write(replace(record, complete=False))  # a release that is "uninstalling" is known as ours
        for ref in sorted(record.objects, key=lambda ref: _ORDER.get(ref.kind, 1)):
            if ref.kind == "Namespace":
                continue
            say(f"deleting {ref}")
            self._delete(ref)
        if release:
            self._definitions |= _definitions(self.target, release).keys()
            say(f"helm uninstall {release.name}")
            self.target.helm.uninstall(release.name, release.namespace, timeout=deadline.remaining())
        awaited(partial(self._gone, [ref for ref in record.objects if ref.kind != "Namespace"]), deadline, say)
        self._remove_namespaces([ref for ref in record.objects if ref.kind == "Namespace"], deadline, say)
        with self._writing:
            self.records.forget(record.component)
        self.over(record.component, "removed")

    def _delete(self, ref: Ref) -> None:
        if ref.kind == "CustomResourceDefinition":
            self._kept.append(f"{ref}: deleting it would delete every object of its kind")
            return
        try:
            self.target.cluster.delete(ref.item())
        except NotServed:
            return  # gone with its kind

    def _gone(self, refs: Sequence[Ref]) -> Verdict:
        for ref in refs:
            try:
                live = self.target.cluster.read(ref.item()) if ref.kind != "CustomResourceDefinition" else None
            except NotServed:
                continue
            if live is not None:
                holds = ", ".join(live["metadata"].get("finalizers") or [])
                return waiting(f"{ref} is still there" + (f"; its finalizers: {holds}" if holds else ""))
        return passed("")

    def _remove_namespaces(self, refs: Sequence[Ref], deadline: Deadline, say: Callable[[str], None]) -> None:
        """All at once: each takes seconds to be emptied by its controller."""
        gone = []
        for ref in refs:
            if reason := self._in_use(ref.name):
                self._kept.append(f"{ref}: {reason}")
                continue
            say(f"deleting {ref}")
            self._delete(ref)
            gone.append(ref)
        awaited(partial(self._gone, gone), deadline, say)

    def _in_use(self, namespace: str) -> str:
        """Why *namespace* is not to be deleted; empty where nothing of value is in it."""
        if namespace == "hubops":
            return "the records of hubops are in it until the end"
        if claims := self.target.cluster.find("v1", "PersistentVolumeClaim", namespace):
            return f"{len(claims)} claims are in it, such as {claims[0]['metadata']['name']}"
        pods = [each for each in self.target.cluster.find("v1", "Pod", namespace) if not _ends(each)]
        return f"{len(pods)} pods are in it, such as {pods[0]['metadata']['name']}" if pods else ""


def _ends(pod: dict[str, object]) -> bool:
    metadata = pod["metadata"]
    return isinstance(metadata, dict) and "deletionTimestamp" in metadata


def _is_ours(metadata: Mapping[str, Any]) -> bool:
    """Whether hubops has applied what this is the metadata of."""
    return any(each.get("manager") == FIELD_MANAGER for each in metadata.get("managedFields") or [])
