"""What a Backup of Velero is to hold, as its spec says: namespaces, kinds and labels. Pure.

The rules are those of Velero 1.18 (pkg/backup, pkg/util/collections), which older versions share but for patterns in
names of namespaces. Where two versions differ, less is said to be held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import NamedTuple

from hubops.model.kube.meta import LabelSelector
from hubops.model.velero import EXCLUDED_LABEL, BackupSpec

#: Verbs of the kinds that Velero takes at all.
VERBS = frozenset({"list", "create", "get", "delete"})
#: Kinds of which Velero only takes what it has made itself.
_OWN_MAKING = frozenset({
    "volumesnapshots.snapshot.storage.k8s.io", "volumesnapshotcontents.snapshot.storage.k8s.io",
})  # fmt: skip
#: Groups under which the same objects are served, each by the one that they are counted under.
_SAME = {
    ("extensions", "Deployment"): "apps",
    ("extensions", "DaemonSet"): "apps",
    ("extensions", "ReplicaSet"): "apps",
    ("extensions", "NetworkPolicy"): "networking.k8s.io",
    ("events.k8s.io", "Event"): "",
}


class Key(NamedTuple):
    """An object by what stays the same in each version of its API."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if "." in self.group and not self.group.endswith(".k8s.io") else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


class Sort(NamedTuple):
    """A kind as the API server serves it. `names` are all that a spec may call it by, without its group."""

    group: str
    kind: str
    plural: str
    namespaced: bool
    names: frozenset[str] = frozenset()

    @property
    def resource(self) -> str:
        """As Velero names it: "deployments.apps", "pods"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def key(self, namespace: str, name: str) -> Key:
        """The key of an object of it."""
        return key(self.group, self.kind, namespace, name)


def key(group: str, kind: str, namespace: str, name: str) -> Key:
    """The key of an object, the same whichever of its groups it was served by."""
    return Key(_SAME.get((group, kind), group), kind, namespace, name)


class Scope:
    """What a Backup of *spec* takes of a cluster with *namespaces*, each with its labels.

    *sorts* are the kinds that it serves; without them a spec's names of resources are not resolved.
    """

    def __init__(
        self, spec: BackupSpec, namespaces: Mapping[str, Mapping[str, str]], sorts: Sequence[Sort] = ()
    ) -> None:
        self.spec = spec
        self._namespaces = namespaces
        self.sorts = sorts

    @property
    def _every_namespace(self) -> bool:
        """Whether all are taken, which is when kinds without a namespace are by default.

        Velero counts a namespace with the label among those that its spec excludes.
        """
        labelled = any(labels.get(EXCLUDED_LABEL) == "true" for labels in self._namespaces.values())
        return not labelled and not self.spec.excluded_namespaces and set(self.spec.included_namespaces) <= {"*"}

    @property
    def selectors(self) -> tuple[LabelSelector, ...]:
        """One of these has to match; none means that all objects are taken."""
        spec = self.spec
        return spec.or_label_selectors or ((spec.label_selector,) if spec.label_selector else ())

    def missing_namespaces(self) -> list[str]:
        """The namespaces that are named and are not there; a pattern that none matches is one of them."""
        named = [each for each in self.spec.included_namespaces if each != "*"]
        return [each for each in named if not any(fnmatchcase(there, each) for there in self._namespaces)]

    def takes_namespace(self, name: str) -> bool:
        """Whether objects in the namespace *name* are taken."""
        if self._namespaces.get(name, {}).get(EXCLUDED_LABEL) == "true":
            return False
        return self._names(name)

    def _names(self, name: str) -> bool:
        included = self.spec.included_namespaces
        if _any(self.spec.excluded_namespaces, name):
            return False
        return not included or _any(included, name)

    def takes_sort(self, sort: Sort) -> bool:
        """Whether objects of that kind are taken by their kind, where their namespace and labels are."""
        if sort.resource in _OWN_MAKING:
            return False
        if not self._is_older:
            return self._scoped(sort)
        if not sort.namespaced and not self._with_cluster(sort):
            return False
        included, excluded = self._older
        return sort.resource not in excluded and (included is None or sort.resource in included)

    @property
    def _is_older(self) -> bool:
        """Whether the spec names kinds in the older way, not by their scope; Velero refuses both at once."""
        spec = self.spec
        return bool(spec.included_resources or spec.excluded_resources or spec.include_cluster_resources is not None)

    def _with_cluster(self, sort: Sort) -> bool:
        if self.spec.include_cluster_resources is None:
            return self._every_namespace or sort.resource == "namespaces"
        return self.spec.include_cluster_resources

    @cached_property
    def _older(self) -> tuple[frozenset[str] | None, frozenset[str]]:
        included = self.spec.included_resources
        everything = not included or "*" in included
        return None if everything else self._resolved(included), self._resolved(self.spec.excluded_resources)

    def _scoped(self, sort: Sort) -> bool:
        included, excluded = self._by_scope[sort.namespaced]
        if "*" in excluded or sort.resource in excluded:
            return False
        if sort.namespaced:
            return not included or "*" in included or sort.resource in included
        # Velero 1.18 takes no others by default, also of all namespaces: it excludes kinds of its own making by name,
        # so that something always counts as named. Older versions take all of them then.
        return "*" in included or sort.resource in included or sort.resource == "namespaces"

    @cached_property
    def _by_scope(self) -> dict[bool, tuple[frozenset[str], frozenset[str]]]:
        """By whether kinds are namespaced."""
        each = self.spec
        return {
            True: (
                self._resolved(each.included_namespace_scoped_resources),
                self._resolved(each.excluded_namespace_scoped_resources),
            ),
            False: (
                self._resolved(each.included_cluster_scoped_resources),
                self._resolved(each.excluded_cluster_scoped_resources),
            ),
        }

    def _resolved(self, named: Iterable[str]) -> frozenset[str]:
        """The resources that a spec calls *named*: "deploy", "deployments", "deployments.apps"."""
        return frozenset(self._resolve(each) for each in named)

    def _resolve(self, named: str) -> str:
        name, _, group = named.lower().partition(".")
        for sort in self.sorts:
            called = name == sort.plural or name in sort.names
            if called and (not group or sort.group == group or sort.group.startswith(f"{group}.")):
                return sort.resource
        return named

    def takes_labels(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with *labels* is taken by them."""
        if labels.get(EXCLUDED_LABEL) == "true":
            return False
        selectors = self.selectors
        return not selectors or any(each.matches(dict(labels)) for each in selectors)

    def takes(self, sort: Sort, namespace: str, name: str, labels: Mapping[str, str]) -> bool:
        """Whether the object has to be in the backup; what else it holds is what that refers to.

        A namespace itself is one where its own labels are selected, or none are.
        """
        if not self.takes_sort(sort) or not self.takes_labels(labels):
            return False
        if sort.resource == "namespaces":
            return self._names(name)
        return not namespace or self.takes_namespace(namespace)


def _any(patterns: Iterable[str], name: str) -> bool:
    return any(pattern == "*" or fnmatchcase(name, pattern) for pattern in patterns)
