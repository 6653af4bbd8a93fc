"""How a drill names the objects of a backup and of what was restored of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Object = dict[str, Any]


class Key(NamedTuple):
    """An object, as Velero's tarball names it; its namespace is the original one, also of what was restored."""

    resource: str  # with its group, where it has one: "configmaps", "deployments.apps"
    namespace: str
    name: str


def title(key: Key, item: Mapping[str, Any]) -> str:
    """*item* in words: "Deployment shop/cart"."""
    return f"{item.get('kind') or key.resource} {key.namespace}/{key.name}"
