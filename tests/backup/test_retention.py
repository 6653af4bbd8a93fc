"""Which copies a policy lets go: properties over any series of copies, and series that people have in mind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.backup.retention import dropped
from hubops.config.backup import Keep

NOW = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEEPS = st.builds(
    Keep,
    last=st.integers(1, 5),
    hourly=st.integers(0, 30),
    daily=st.integers(0, 10),
    weekly=st.integers(0, 6),
    monthly=st.integers(0, 14),
)


@dataclass(frozen=True)
class Taken:
    id: str
    taken_at: datetime


def taken(moments: Iterable[datetime]) -> tuple[Taken, ...]:
    return tuple(Taken(f"copy-{index}", at) for index, at in enumerate(moments))


ZONES = st.one_of(st.just(UTC), st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))))
MOMENTS = st.builds(
    lambda ago, zone: (NOW - timedelta(seconds=ago)).astimezone(zone), st.integers(-2 * 86400, 500 * 86400), ZONES
)
SERIES = st.lists(MOMENTS, max_size=60).map(taken)


def left(items: Iterable[Taken], gone: Iterable[Taken]) -> tuple[Taken, ...]:
    ids = {each.id for each in gone}
    return tuple(each for each in items if each.id not in ids)


@given(SERIES, KEEPS, st.data())
def test_what_must_stay_stays(items: tuple[Taken, ...], keep: Keep, data: st.DataObject) -> None:
    ids = [each.id for each in items]
    never = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
    gone = dropped(items, keep, now=NOW, never=never)
    assert set(gone) <= set(items)
    assert not {each.id for each in gone} & never
    assert all(each.taken_at <= NOW for each in gone)
    come = sorted((each.taken_at for each in items if each.taken_at <= NOW), reverse=True)
    for each in gone:
        assert sum(at >= each.taken_at for at in come) > keep.last


@given(SERIES, KEEPS)
def test_a_second_time_drops_nothing_more(items: tuple[Taken, ...], keep: Keep) -> None:
    rest = left(items, dropped(items, keep, now=NOW))
    assert dropped(rest, keep, now=NOW) == ()


@given(SERIES, KEEPS, st.lists(st.integers(1, 400 * 86400), max_size=10))
def test_copies_dated_in_the_future_drop_none_of_the_others(
    items: tuple[Taken, ...], keep: Keep, ahead: list[int]
) -> None:
    future = tuple(Taken(f"future-{index}", NOW + timedelta(seconds=each)) for index, each in enumerate(ahead))
    assert dropped((*items, *future), keep, now=NOW) == dropped(items, keep, now=NOW)


@given(SERIES, KEEPS)
def test_a_more_generous_policy_drops_no_more(items: tuple[Taken, ...], keep: Keep) -> None:
    more = Keep(last=keep.last + 1, hourly=keep.hourly + 2, daily=keep.daily + 1, weekly=keep.weekly, monthly=14)
    assert set(dropped(items, more, now=NOW)) <= set(dropped(items, keep, now=NOW))


@given(SERIES, KEEPS, st.randoms(use_true_random=False))
def test_the_order_of_the_list_and_the_zone_of_its_times_mean_nothing(
    items: tuple[Taken, ...], keep: Keep, random: object
) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    elsewhere = [Taken(each.id, each.taken_at.astimezone(ZoneInfo("America/St_Johns"))) for each in shuffled]
    first = [each.id for each in dropped(items, keep, now=NOW)]
    assert [each.id for each in dropped(elsewhere, keep, now=NOW)] == first


@given(SERIES, KEEPS)
def test_each_bucket_keeps_its_newest(items: tuple[Taken, ...], keep: Keep) -> None:
    """Said in another way than the code does it: the newest of a day is kept if no so many newer days hold any."""
    gone = {each.id for each in dropped(items, keep, now=NOW)}
    come = [Taken(each.id, each.taken_at.astimezone(UTC)) for each in items if each.taken_at <= NOW]
    for limit, form in ((keep.hourly, "%Y%j%H"), (keep.daily, "%Y%j"), (keep.weekly, "%G%V"), (keep.monthly, "%Y%m")):
        buckets: dict[str, list[Taken]] = {}
        for each in come:
            buckets.setdefault(each.taken_at.strftime(form), []).append(each)
        for bucket in sorted(buckets, reverse=True)[:limit]:
            newest = max(buckets[bucket], key=lambda each: (each.taken_at, each.id))
            assert newest.id not in gone


def test_a_year_of_hourly_copies_by_the_default_policy() -> None:
    items = taken(NOW - index * HOUR for index in range(366 * 24))
    rest = left(items, dropped(items, Keep(), now=NOW))
    assert [each.id for each in rest[:24]] == [f"copy-{index}" for index in range(24)]
    # 24 hours, which begin yesterday, and the five days before; three weeks and eleven months more
    assert len({each.taken_at.date() for each in rest}) == 7 + 3 + 11
    assert min(each.taken_at for each in rest).month == 8
    assert len(rest) == 24 + 5 + 3 + 11


def test_the_day_that_is_shorter_elsewhere_has_its_24_hours() -> None:
    # On 2026-03-29 the clocks of Berlin go from 02:00 to 03:00: the copies are an hour apart all the same.
    start = datetime(2026, 3, 28, 22, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")
    items = taken((start + index * HOUR).astimezone(berlin) for index in range(8))
    keep = Keep(last=1, hourly=8, daily=0, weekly=0, monthly=0)
    assert dropped(items, keep, now=start + 8 * HOUR) == ()
    # In October the hour from 02:00 to 03:00 comes twice, and both have their copy.
    again = datetime(2026, 10, 24, 22, tzinfo=UTC)
    items = taken((again + index * HOUR).astimezone(berlin) for index in range(8))
    assert dropped(items, keep, now=again + 8 * HOUR) == ()


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_clock_an_hour_off_loses_nothing_that_another_would_keep(off: timedelta) -> None:
    items = taken(NOW - index * 6 * HOUR for index in range(40))
    keep = Keep(last=3, hourly=0, daily=7, weekly=0, monthly=0)
    assert set(dropped(items, keep, now=NOW + off)) <= set(dropped(items, keep, now=NOW))
    assert items[0] not in dropped(items, keep, now=NOW + off)


def test_the_days_around_new_year_are_of_one_week() -> None:
    moments = [datetime(2025, 12, 29, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC)]
    items = taken(moments)
    keep = Keep(last=1, hourly=0, daily=0, weekly=5, monthly=0)
    assert dropped(items, keep, now=NOW) == items[:2]


def test_nothing_is_dropped_of_nothing() -> None:
    assert dropped((), Keep(), now=NOW) == ()
