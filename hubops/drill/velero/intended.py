"""What a drill changes on purpose in what it restores: said once, told to Velero, and expected by the comparison.

So nothing is overlooked in silence: a field that is to be changed and is not as intended is a difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hubops.drill.velero.objects import Key, Object

_ABSENT = object()


@dataclass(frozen=True)
class Change:
    """A JSON merge patch (RFC 7386: null removes a field) of all objects of a resource, or of those that match."""

    resource: str  # as Velero names it: "cronjobs.batch", "services"
    patch: Mapping[str, Any]
    where: Mapping[str, str] | None = None  # JSON pointers and the texts that stand there: {"/spec/type": "NodePort"}
    namespaces: tuple[str, ...] = ()  # the original ones; none means all
    names: frozenset[str] = frozenset()  # none means all

    def concerns(self, key: Key, item: Object) -> bool:
        """Whether the object is one of those."""
        return (
            self.resource == key.resource
            and (not self.namespaces or key.namespace in self.namespaces)
            and (not self.names or key.name in self.names)
            and all(_at(item, pointer) == value for pointer, value in (self.where or {}).items())
        )

    def rule(self) -> dict[str, Any]:
        """The same as one of Velero's resource modifier rules (version v1)."""
        conditions: dict[str, Any] = {"groupResource": self.resource}
        if self.namespaces:
            conditions["namespaces"] = list(self.namespaces)
        if self.names:
            conditions["resourceNameRegex"] = f"^({'|'.join(re.escape(each) for each in sorted(self.names))})$"
        if self.where:
            conditions["matches"] = [{"path": pointer, "value": value} for pointer, value in self.where.items()]
        patch = msgspec.json.encode(self.patch).decode()
        return {"conditions": conditions, "mergePatches": [{"patchData": patch}]}


@dataclass(frozen=True)
class Intended:
    """All that a drill changes: fields, what it leaves out, and what it makes itself in each scratch namespace."""

    changes: tuple[Change, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)  # resources that are not restored, and why in words
    made: frozenset[tuple[str, str]] = frozenset()  # resource and name: ("networkpolicies.networking.k8s.io", "closed")

    def modifiers(self) -> dict[str, Any]:
        """The document of Velero's resource modifiers that makes the changes."""
        return {"version": "v1", "resourceModifierRules": [each.rule() for each in self.changes]}

    def applied(self, key: Key, item: Object) -> Object:
        """*item* as it is to be restored. As Velero does, each change looks at the object as it was before any."""
        result: Any = item
        for change in self.changes:
            if change.concerns(key, item):
                result = merged(result, change.patch)
        return dict(result)


def merged(target: Any, patch: Any) -> Any:
    """*target* after the JSON merge patch *patch*; neither is altered."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def _at(item: Any, pointer: str) -> Any:
    for name in pointer.split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        if not isinstance(item, Mapping) or name not in item:
            return _ABSENT
        item = item[name]
    return item
