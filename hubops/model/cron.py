"""When a CronJob is due: the schedules of the API as its controller reads them (robfig/cron v3, ParseStandard).

Its ways differ from other crons': weekdays are 0-6, `N/step` runs to the end of its field, a star with a step above 1
is no star where days of the month and of the week are both given, an hour that daylight saving repeats runs twice,
and one that it leaves out not at all.

Velero read its Schedules in the same way up to 1.18.1, and reads them with netresearch/go-cron since. There a weekday
may be 7, a range may go over the end of its field (22-2, fri-mon), and days of the month and of the week both have to
match. (It makes up for an hour that was left out, which is not looked for here.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from hubops.model.quantity import parse_duration

#: Who reads a schedule.
Dialect = Literal["robfig", "go-cron"]
#: A schedule without a time in this many years has none (the controller's limit): the 31st of February.
_YEARS = 5
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
#: Of go-cron alone: what is only run by hand.
_BY_HAND = frozenset({"@triggered", "@manual", "@none"})
_ZONE = re.compile(r"^(?:CRON_)?TZ=(\S*)\s+(.*)$")
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_WEEKDAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}


@dataclass(frozen=True)
class Fields:
    """The times of a schedule with five fields, in its own zone; weekdays count from Sunday, which is 0."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool  # day of the month and day of the week are both restricted: one of them is enough
    zone: tzinfo

    def after(self, moment: datetime) -> datetime | None:
        """The first time after *moment*, in UTC; None where there is none within five years."""
        start = moment.astimezone(self.zone)
        # A day early: at the change of a zone's offset the wall clock may go back over midnight.
        for day in self._days(start.date() - timedelta(days=1), start.year + _YEARS):
            for found in self._instants(day):
                if found > moment:
                    return found
        return None

    def _days(self, first: date, last_year: int) -> Iterator[date]:
        day = first
        while day.year <= last_year:
            if day.month in self.months and self._fits(day):
                yield day
            day += timedelta(days=1)

    def _fits(self, day: date) -> bool:
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (in_month or in_week) if self.either_day else (in_month and in_week)

    def _instants(self, day: date) -> Iterator[datetime]:
        """The times on *day* in their order. The wall clock may pass one twice, and never shows another."""
        for hour in self.hours:
            for fold in (0, 1):
                for minute in self.minutes:
                    wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone, fold=fold)
                    instant = wall.astimezone(UTC)
                    if instant.astimezone(self.zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
                        yield instant


@dataclass(frozen=True)
class Every:
    """A run each *span* after the last one: @every 90m."""

    span: timedelta

    def after(self, moment: datetime) -> datetime:
        return moment.astimezone(UTC).replace(microsecond=0) + self.span


@dataclass(frozen=True)
class Never:
    """No time at all."""

    def after(self, moment: datetime) -> None:
        """None, whatever the *moment*."""


Schedule = Fields | Every | Never


def parse(text: str, zone: str | None = None, dialect: Dialect = "robfig") -> Schedule:
    """The schedule that *text* means in time zone *zone*; without one in UTC, where control planes run.

    Raises ValueError for a text that is no schedule, and for a zone that is not known.
    """
    if prefixed := _ZONE.match(text.strip()):
        zone, text = zone or _unquoted(prefixed[1], dialect), prefixed[2]
    text = text.strip()
    if dialect == "go-cron" and text in _BY_HAND:
        return Never()
    if text.startswith("@every "):
        whole = timedelta(seconds=int(parse_duration(text.removeprefix("@every ")).total_seconds()))
        return Every(max(whole, timedelta(seconds=1)))
    parts = _NAMED.get(text, text).split()
    if len(parts) != 5:
        raise ValueError(f"{text!r} is not a schedule of five fields")
    minutes, hours, days, months, weekdays = parts
    newer = dialect == "go-cron"
    of_month, any_day = _field(days, 1, 31, wraps=newer)
    of_week, any_weekday = _field(weekdays, 0, 7 if newer else 6, _WEEKDAYS, wraps=newer)
    return Fields(
        minutes=tuple(sorted(_field(minutes, 0, 59, wraps=newer)[0])),
        hours=tuple(sorted(_field(hours, 0, 23, wraps=newer)[0])),
        days=of_month,
        months=_field(months, 1, 12, _MONTHS, wraps=newer)[0],
        weekdays=frozenset(day % 7 for day in of_week),
        either_day=not newer and not any_day and not any_weekday,
        zone=_zone(zone),
    )


def _unquoted(zone: str, dialect: Dialect) -> str:
    """The name of a zone without the quotes that a shell's user gives it, which go-cron takes away."""
    quoted = len(zone) > 1 and zone[0] == zone[-1] and zone[0] in "\"'"
    return zone[1:-1] if dialect == "go-cron" and quoted else zone


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (OSError, ValueError, LookupError) as error:  # zoneinfo opens files by that name
        raise ValueError(f"time zone {name!r} is not known") from error


def _field(
    text: str, low: int, high: int, names: Mapping[str, int] | None = None, *, wraps: bool = False
) -> tuple[frozenset[int], bool]:
    """The numbers of one field, and whether it is a star; *wraps* where a range may go over its end."""
    parts = [_range(part, low, high, names or {}, wraps) for part in text.split(",") if part]
    return frozenset(number for numbers, _ in parts for number in numbers), any(star for _, star in parts)


def _range(text: str, low: int, high: int, names: Mapping[str, int], wraps: bool) -> tuple[Iterable[int], bool]:
    span, _, step_text = text.partition("/")
    step = _number(step_text) if "/" in text else 1
    first, dash, last = span.partition("-")
    star = first in {"*", "?"}
    start = low if star else _number(first, names)
    end = high if star or not dash else _number(last, names)
    if not (star or dash or "/" in text):
        end = start
    if not (low <= start <= high and low <= end <= high and (start <= end or wraps)) or step < 1:
        raise ValueError(f"{text!r} is not within {low}-{high}")
    size = high - low + 1
    over = end if start <= end else end + size
    return [(number - low) % size + low for number in range(start, over + 1, step)], star and step == 1


def _number(text: str, names: Mapping[str, int] | None = None) -> int:
    if (named := (names or {}).get(text.lower())) is not None:
        return named
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise ValueError(f"{text!r} is no number")
    return int(text)
