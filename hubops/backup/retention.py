"""Which copies may go: the policy alone. What is dropped, and where from, is for others to do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from hubops.config.backup import Keep


class Item(Protocol):
    """Something that was taken at one moment."""

    @property
    def id(self) -> str: ...

    @property
    def taken_at(self) -> datetime: ...


T = TypeVar("T", bound=Item)
#: The part of time that an item belongs to, in UTC: so no day has 23 hours, whoever looks from wherever.
_Part = Callable[[datetime], tuple[int, ...]]


def dropped(items: Sequence[T], keep: Keep, *, now: datetime, never: Collection[str] = ()) -> tuple[T, ...]:
    """Those of *items* that the policy *keep* does not keep, oldest first.

    Kept are the newest `last`, and the newest of each hour, day, week (as ISO 8601 counts them) and month, for so many
    of these as hold any. The newest is kept whatever the policy says, and so is what *never* names by its id. What is
    dated after *now* is kept and takes no other's place: a clock was wrong, and when its time has come it is judged.
    """
    come = sorted((each for each in items if each.taken_at <= now), key=_order, reverse=True)
    kept = {each.id for each in come[: max(keep.last, 1)]} | set(never)
    for count, part in _parts(keep):
        kept.update(_newest_of_each(come, count, part))
    return tuple(each for each in reversed(come) if each.id not in kept)


def _order(item: Item) -> tuple[datetime, str]:
    return item.taken_at.astimezone(UTC), item.id


def _parts(keep: Keep) -> Iterator[tuple[int, _Part]]:
    yield keep.hourly, lambda at: (at.year, at.month, at.day, at.hour)
    yield keep.daily, lambda at: (at.year, at.month, at.day)
    yield keep.weekly, lambda at: at.isocalendar()[:2]
    yield keep.monthly, lambda at: (at.year, at.month)


def _newest_of_each(newest_first: Sequence[Item], count: int, part: _Part) -> list[str]:
    """The ids of the newest item of each of the *count* newest parts."""
    found: dict[tuple[int, ...], str] = {}
    for item in newest_first:
        if len(found) >= count:
            break
        found.setdefault(part(item.taken_at.astimezone(UTC)), item.id)
    return list(found.values())
