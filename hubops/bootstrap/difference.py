"""What differs between two objects, field by field, fit to be shown: the values of Secrets never are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hubops.model.text import inert

#: What the API server writes into every object by itself.
_SERVERS = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")
HIDDEN = "(hidden)"
_SHOWN = 80  # characters of a value
_ABSENT = object()


class Change(msgspec.Struct, frozen=True):
    """One field: its path, and its values before and after as text; None where there is none."""

    path: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.path}: {self.after}"
        if self.after is None:
            return f"- {self.path}: {self.before}"
        return f"~ {self.path}: {self.before} → {self.after}"


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """The fields in which two states of an object differ, without its status and what only the server writes."""
    hidden = "Secret" in (before.get("kind"), after.get("kind"))
    return tuple(_changes(_essential(before), _essential(after), "", hidden))


def of_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """The values of a chart in which two releases differ."""
    return tuple(_changes(before, after, "", False))


def _essential(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in item.items() if key != "status"}
    metadata = item.get("metadata") or {}
    kept["metadata"] = {key: value for key, value in metadata.items() if key not in _SERVERS}
    return kept


def _changes(before: Any, after: Any, path: str, hidden: bool) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys(), key=str):
            here = f"{path}.{key}" if path else str(key)
            yield from _changes(before.get(key, _ABSENT), after.get(key, _ABSENT), here, hidden)
    elif _is_named(before) and _is_named(after):
        known, wanted = ({each["name"]: each for each in side} for side in (before, after))
        for name in dict.fromkeys([*known, *wanted]):
            yield from _changes(known.get(name, _ABSENT), wanted.get(name, _ABSENT), f"{path}[{name}]", hidden)
    else:
        yield Change(inert(path, limit=200), _shown(before, path, hidden), _shown(after, path, hidden))


def _is_named(value: object) -> bool:
    """Whether *value* is a list whose items are told apart by their names, as containers and ports are."""
    if not isinstance(value, list) or not all(isinstance(each, Mapping) and "name" in each for each in value):
        return False
    return len({each["name"] for each in value}) == len(value)


def _shown(value: object, path: str, hidden: bool) -> str | None:
    if value is _ABSENT:
        return None
    if hidden and path.partition(".")[0] in ("data", "stringData"):
        return HIDDEN
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return inert(text, limit=_SHOWN)
