"""Custom resources, and built-in ones for CEL: JSON of which only the fields that were asked for enter memory.

msgspec skips in C what a struct does not have, so the field paths become a struct, and lists are looked into.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from hubops.clients.kube.json_list import decode_list, items_of
from hubops.clients.kube.page import Page
from hubops.model.kube.meta import is_kept

#: Kept of every object. What manages its fields, and annotations of other tools, never are.
ALWAYS = (
    *("apiVersion", "kind"),
    *(f"metadata.{name}" for name in ("name", "namespace", "uid", "labels", "annotations", "generation", "finalizers")),
    *("metadata.ownerReferences", "metadata.creationTimestamp", "metadata.deletionTimestamp"),
)

#: The first is what ALWAYS already names in part, the second only says who wrote which field.
_NEVER = {"metadata", "metadata.managedFields"}

Tree = dict[str, "Tree"]  # no branches: the field with all that is in it


class Pruner:
    """Reads pages of one kind; *paths* are the fields to keep beside ALWAYS ("status.conditions")."""

    def __init__(self, paths: Iterable[str]) -> None:
        paths = tuple(paths)
        tree = _tree([*ALWAYS, *(path for path in paths if path not in _NEVER)])
        self._struct = _struct(tree)
        self._values = any(f".{path}".endswith(".env.value") for path in paths)

    def page(self, body: bytes, plural: str) -> Page[dict[str, Any]]:
        """One page of objects, each with its apiVersion and kind. Raises as `decode_list` does."""
        listed = decode_list(body, self._struct, None, plural)
        own = {"apiVersion": listed.api_version, "kind": listed.kind.removesuffix("List")}
        items = items_of(listed, plural)
        return Page(listed.metadata.token, (own | self._plain(item) for item in items), len(items))

    def _plain(self, item: Any) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(item)
        metadata: Any = plain.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if isinstance(annotations, dict):
            metadata["annotations"] = {k: v for k, v in annotations.items() if is_kept(k)}
        if not self._values:
            _without_values(plain)
        return plain


def _without_values(item: Any) -> None:
    """Take the values of environment variables out: passwords stand there, and whole containers may be asked for."""
    for key, value in item.items() if isinstance(item, dict) else ():
        for each in value if isinstance(value, list) else (value,):
            if key == "env" and isinstance(each, dict):
                each.pop("value", None)
            _without_values(each)


def _tree(paths: Iterable[str]) -> Tree:
    """The paths as nested dicts; the shorter of two that overlap wins."""
    root: Tree = {}
    for path in sorted(set(paths), key=len):
        branch = root
        *parents, last = path.split(".")
        for name in parents:
            if name in branch and not branch[name]:
                break  # a shorter path keeps all of this already
            branch = branch.setdefault(name, {})
        else:
            branch.setdefault(last, {})
    return root


def _struct(tree: Tree) -> type[msgspec.Struct]:
    """A struct with the fields of *tree*. The names of its attributes are its own: a field may be called "class"."""
    fields = [(f"f{number}", _value(branch), msgspec.UNSET) for number, branch in enumerate(tree.values())]
    names = {f"f{number}": name for number, name in enumerate(tree)}
    return msgspec.defstruct("Pruned", fields, rename=names, gc=False)


def _value(branch: Tree) -> Any:
    if not branch:
        return Any
    one: Any = _struct(branch) | None | bool | int | float | str
    return one | list[one]
