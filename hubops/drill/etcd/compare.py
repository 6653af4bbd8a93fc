"""A restored etcd beside the live one, key by key. etcd's own revisions decide what is a difference and what a change.

The copy holds everything up to its revision. So what live etcd has not touched since must have been restored as it is,
and what it has touched is a change, not a difference; no clock is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from hubops.model.backup import Difference
from hubops.model.etcd_keys import Entry, Name, Names, held, is_encrypted
from hubops.model.text import inert

#: Differences that are named; all are counted.
NAMED = 20
_SECRETS = "secrets"


class Keys(Protocol):
    """All keys of an etcd, in their order. `revision` is the one that the entry that came last was read at."""

    @property
    def revision(self) -> int: ...

    def __iter__(self) -> Iterator[Entry]: ...


@dataclass
class Comparison:
    """What was compared so far; counters are by resource, by namespace, or by what happened."""

    restored: Counter[str] = field(default_factory=Counter)
    live: Counter[str] = field(default_factory=Counter)
    restored_in: Counter[str] = field(default_factory=Counter)
    live_in: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)  # created, changed, deleted since the copy
    differences: list[Difference] = field(default_factory=list)
    differences_total: int = 0
    equal: int = 0
    decoded: int = 0
    encrypted: Counter[str] = field(default_factory=Counter)

    def differs(self, what: str, how: str) -> None:
        """Count a difference, and name it while there is room."""
        self.differences_total += 1
        if len(self.differences) < NAMED:
            self.differences.append(Difference(what=inert(what, limit=300), how=inert(how, limit=300)))


def compare(restored: Keys, live: Keys | None, at: int, names: Names, *, into: Comparison | None = None) -> Comparison:
    """Compare all keys; *at* is the revision of the copy, and *restored* is read there. Without *live* count alone.

    Raises what the two raise while they are read; *into* then has what was compared before.
    """
    result = into or Comparison()
    for old, new in _joined(restored, live or ()):
        entry = old or new
        assert entry is not None
        name = names.of(entry.key)
        _count(result, name, old, new)
        if live is not None:
            _judge(result, name, old, new, at, live.revision)
    return result


def _joined(restored: Iterable[Entry], live: Iterable[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Both in the order of their keys, side by side where both have the key."""
    left, right = iter(restored), iter(live)
    old, new = next(left, None), next(right, None)
    while old or new:
        if new is None or (old is not None and old.key < new.key):
            yield old, None
            old = next(left, None)
        elif old is None or new.key < old.key:
            yield None, new
            new = next(right, None)
        else:
            yield old, new
            old, new = next(left, None), next(right, None)


def _count(result: Comparison, name: Name, old: Entry | None, new: Entry | None) -> None:
    if old:
        result.restored[name.resource] += 1
        result.restored_in[name.namespace] += 1
        if is_encrypted(old.value):
            result.encrypted[name.resource] += 1
        elif name.resource != _SECRETS and held(old.value):
            result.decoded += 1
    if new:
        result.live[name.resource] += 1
        result.live_in[name.namespace] += 1


def _judge(result: Comparison, name: Name, old: Entry | None, new: Entry | None, at: int, live_at: int) -> None:
    if old is None:
        assert new is not None
        if new.create_revision > at:
            result.changed["created"] += 1
        else:
            result.differs(str(name), f"not restored, although it is there since revision {new.create_revision}")
    elif new is None:
        if live_at > at:
            result.changed["deleted"] += 1
        else:
            result.differs(str(name), f"restored, although it is not there at the copy's revision {at}")
    elif new.mod_revision <= at:
        _unchanged(result, name, old, new)
    else:
        _changed(result, name, old, new, at)


def _unchanged(result: Comparison, name: Name, old: Entry, new: Entry) -> None:
    """Live etcd has not touched it since the copy: all of it must be the same."""
    if old.mod_revision != new.mod_revision:
        result.differs(str(name), f"restored as of revision {old.mod_revision}, live as of {new.mod_revision}")
    elif (old.create_revision, old.version) != (new.create_revision, new.version):
        result.differs(str(name), "another history: its first revision or the number of its versions differs")
    elif old.value != new.value:
        result.differs(str(name), f"its value differs at the same revision {old.mod_revision}")
    else:
        result.equal += 1


def _changed(result: Comparison, name: Name, old: Entry, new: Entry, at: int) -> None:
    """Live etcd has written it since the copy: it must still be the same object, with more versions."""
    replaced = new.create_revision > at
    if not replaced and (new.create_revision != old.create_revision or new.version <= old.version):
        since = f"restored since revision {old.create_revision}, live since {new.create_revision}"
        result.differs(str(name), f"another history: {since}")
    elif not replaced and (other := _other_object(name, old, new)):
        result.differs(str(name), other)
    else:
        result.changed["changed"] += 1


def _other_object(name: Name, old: Entry, new: Entry) -> str | None:
    """How the two values say that they are not versions of one object; None where they do not."""
    if name.resource == _SECRETS:
        return None
    was, now = held(old.value), held(new.value)
    if was is None or now is None or (was.kind, was.namespace, was.name) == (now.kind, now.namespace, now.name):
        return None
    return f"restored is {was.kind} {was.name}, live is {now.kind} {now.name}"
