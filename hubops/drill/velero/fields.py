"""Two trees of JSON, field by field: each place where they differ, once, at the highest point."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "absent"})()

#: What names the items of a list: the first of these that all of them have, each with a value of its own.
_NAMES = ("name", "mountPath", "devicePath", "containerPort", "key", "topologyKey", "ip")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")

Path = tuple[str, ...]


class Field(NamedTuple):
    """A field that differs: `path` for people, `names` without the items of lists; ABSENT where a side has none."""

    path: Path
    names: Path
    was: Any
    now: Any

    def __str__(self) -> str:
        return "".join(self.path).lstrip(".") or "(all of it)"


def differing(was: Any, now: Any, path: Path = (), names: Path = ()) -> Iterator[Field]:
    """Where *now* differs from *was*. Null is as good as no field; numbers are equal as numbers."""
    was, now = (ABSENT if value is None else value for value in (was, now))
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys([*was, *now]):
            step = f".{name}" if _PLAIN.fullmatch(name) else f"[{name}]"
            yield from differing(was.get(name, ABSENT), now.get(name, ABSENT), (*path, step), (*names, name))
    elif isinstance(was, list) and isinstance(now, list):
        yield from _lists(was, now, path, names)
    elif not _equal(was, now):
        yield Field(path, names, was, now)


def _equal(was: Any, now: Any) -> bool:
    if isinstance(was, bool) or isinstance(now, bool):
        return was is now
    return bool(was == now)


def _lists(was: list[Any], now: list[Any], path: Path, names: Path) -> Iterator[Field]:
    label = _label(was, now)
    if label is not None:
        yield from _labelled(was, now, label, path, names)
    elif len(was) != len(now):
        yield Field(path, names, was, now)
    else:
        for index, (old, new) in enumerate(zip(was, now, strict=True)):
            yield from differing(old, new, (*path, f"[{index}]"), names)


def _label(was: list[Any], now: list[Any]) -> str | None:
    """By which field the items of both lists can be told apart; None where there is none."""
    if not was and not now:
        return None
    return next((name for name in _NAMES if _tells_apart(was, name) and _tells_apart(now, name)), None)


def _tells_apart(items: list[Any], name: str) -> bool:
    values = [each.get(name) if isinstance(each, Mapping) else None for each in items]
    return all(isinstance(value, str | int) for value in values) and len(set(values)) == len(values)


def _labelled(was: list[Any], now: list[Any], label: str, path: Path, names: Path) -> Iterator[Field]:
    old, new = ({each[label]: each for each in items} for items in (was, now))
    renamed = _renamed(was, now, label)
    for value in old:
        if value in new or value in renamed:
            yield from differing(old[value], new[renamed.get(value, value)], (*path, f"[{value}]"), names)
        else:
            yield Field((*path, f"[{value}]"), names, old[value], ABSENT)
    for value in new.keys() - old.keys() - set(renamed.values()):
        yield Field((*path, f"[{value}]"), names, ABSENT, new[value])
    common = [value for value in old if value in new]
    if common != [value for value in new if value in old]:
        order = [value for value in new if value in old]
        yield Field((*path, "[in order]"), names, common, order)


def _renamed(was: list[Any], now: list[Any], label: str) -> dict[Any, Any]:
    """Items that stand in the same place under another name, and are otherwise alike."""
    if len(was) != len(now):
        return {}
    before, after = ({each[label] for each in items} for items in (was, now))
    pairs = [(old[label], new[label]) for old, new in zip(was, now, strict=True)]
    return {old: new for old, new in pairs if old not in after and new not in before}
