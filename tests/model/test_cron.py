"""Schedules: as robfig/cron v3.0.1 answers, which decides when the CronJob controller starts a Job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubops.model.cron import Fields, parse


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "zone", "after", "due"),
    [  # each line is an answer of robfig/cron v3.0.1
        ("? 1 1 11 mon-fri", "Asia/Beirut", "2026-03-08T06:58:54Z", "2026-10-31T23:00:00Z"),
        ("* 3 * * *", "America/St_Johns", "2026-11-02T05:28:03Z", "2026-11-02T06:30:00Z"),
        ("? 1 1 2 *", "America/Sao_Paulo", "2026-03-28T23:27:14Z", "2027-02-01T04:00:00Z"),
        ("? 1 * */3 0", "Pacific/Apia", "2026-11-01T01:46:51Z", "2027-01-02T12:00:00Z"),
        ("0 0,12 1 * mon-fri", "America/St_Johns", "2026-11-04T09:25:00Z", "2026-11-04T15:30:00Z"),
        ("*/5 22-23 ? * *", "America/St_Johns", "2026-11-01T04:51:48Z", "2026-11-02T01:30:00Z"),
        ("5/15 1 * feb 6", "Asia/Beirut", "2026-10-05T16:32:31Z", "2027-02-05T23:05:00Z"),
        ("@yearly", "Pacific/Apia", "2027-10-24T00:46:22Z", "2027-12-31T11:00:00Z"),
        ("0-10/3 3 1 10 sun", "Africa/Casablanca", "2011-12-29T12:53:50Z", "2012-10-01T03:00:00Z"),
        ("? 0,12 ? JAN-mar 6", "America/New_York", "2026-10-07T18:00:47Z", "2027-01-02T05:00:00Z"),
        ("*/7 */6 31 11 mon-fri", "UTC", "2026-10-25T02:27:07Z", "2026-11-02T00:00:00Z"),
        ("* 23 * */3 *", "Pacific/Apia", "2026-10-03T12:59:48Z", "2026-10-04T10:00:00Z"),
        ("0 */6 * * */2", "Europe/Berlin", "2026-10-06T18:36:38Z", "2026-10-07T22:00:00Z"),
        ("* 22-23 1 * 6", "UTC", "2026-03-29T04:32:47Z", "2026-04-01T22:00:00Z"),
        ("5/15 3 */2 2 *", "America/New_York", "2026-03-04T23:03:09Z", "2027-02-01T08:05:00Z"),
        ("59 8-18/2 */2 JAN-mar 6", "Asia/Beirut", "2027-10-09T07:52:07Z", "2028-01-01T06:59:00Z"),
        ("0 1 ? feb 0", "Asia/Kolkata", "2026-10-03T17:45:38Z", "2027-02-06T19:30:00Z"),
        ("* 8-18/2 * feb */2", "Pacific/Apia", "2026-11-01T09:47:51Z", "2027-02-01T19:00:00Z"),
        ("? 0 * JAN-mar ?", "America/Sao_Paulo", "2026-10-03T19:30:44Z", "2027-01-01T03:00:00Z"),
        ("*/5 23 1 11 *", "America/St_Johns", "2018-11-04T01:27:15Z", "2019-11-02T01:30:00Z"),
        ("? 23 29 10 *", "America/St_Johns", "2026-11-06T17:45:32Z", "2027-10-30T01:30:00Z"),
        ("0-10/3 8-18/2 */2 11 sun", "UTC", "2011-12-29T11:10:07Z", "2012-11-01T08:00:00Z"),
        ("0-10/3 1 * 10 ?", "America/New_York", "2026-10-03T13:13:39Z", "2026-10-04T05:00:00Z"),
        ("? 0 * 2 0", "Asia/Beirut", "2026-03-28T23:27:45Z", "2027-02-06T22:00:00Z"),
        ("0 0 * * mon-fri", "Asia/Beirut", "2028-12-24T09:57:14Z", "2028-12-24T22:00:00Z"),
        ("15,45 */6 * 10 *", "America/Sao_Paulo", "2028-02-21T22:14:54Z", "2028-10-01T03:15:00Z"),
        ("* 8-18/2 10-15 feb sun", "Pacific/Apia", "2018-02-18T03:36:22Z", "2018-02-18T04:00:00Z"),
        ("0 0 * 11 *", "UTC", "2027-11-27T23:09:18Z", "2027-11-28T00:00:00Z"),
        ("5/15 22-23 * * *", "America/Sao_Paulo", "2027-06-28T08:58:03Z", "2027-06-29T01:05:00Z"),
        ("*/7 2 29 2 */2", "UTC", "2027-01-18T14:44:24Z", "2027-02-02T02:00:00Z"),
        ("0-10/3 3 31 * *", "UTC", "2026-01-29T11:36:11Z", "2026-01-31T03:00:00Z"),
        ("@hourly", "Pacific/Apia", "2028-05-29T22:22:19Z", "2028-05-29T23:00:00Z"),
    ],
)
def test_answers_as_the_controller_does(text: str, zone: str, after: str, due: str) -> None:
    assert parse(text, zone).after(utc(after)) == (None if due == "none" else utc(due))


def test_an_hour_that_comes_twice_runs_twice_and_one_left_out_does_not() -> None:
    autumn = parse("30 2 * * *", "Europe/Berlin")
    first = autumn.after(utc("2026-10-24T12:00:00Z"))
    assert first == utc("2026-10-25T00:30:00Z")
    assert autumn.after(first) == utc("2026-10-25T01:30:00Z")
    assert autumn.after(utc("2026-03-28T12:00:00Z")) == utc("2026-03-30T00:30:00Z")


def test_without_a_time_there_is_none() -> None:
    assert parse("0 0 31 2 *").after(utc("2026-01-01T00:00:00Z")) is None


def test_every_counts_from_the_last_run() -> None:
    assert parse("@every 90m").after(utc("2026-01-01T00:10:00Z")) == utc("2026-01-01T01:40:00Z")
    assert parse("@every 10ms").after(utc("2026-01-01T00:00:00Z")) == utc("2026-01-01T00:00:01Z")


def test_a_zone_in_the_schedule_is_read() -> None:
    assert parse("CRON_TZ=Asia/Tokyo 0 9 * * *").after(utc("2026-01-01T01:00:00Z")) == utc("2026-01-02T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "* * * * * *", "60 * * * *", "0 24 * * *", "0 0 0 * *", "0 0 * * 7", "0 0 * 13 *", "5-1 * * * *",
     "*/0 * * * *", "a * * * *", "1-2-3 * * * *", "1/2/3 * * * *", "-1 * * * *", "@reboot", "@every x", "0 0 L * *"],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|is not"):
        parse(text)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Europe", "/etc/localtime", "a" * 300])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        parse("0 3 * * *", zone)


def number(low: int, high: int) -> st.SearchStrategy[str]:
    """One field of a schedule, in all forms that there are."""
    one = st.integers(low, high)
    step = st.integers(1, high).map(lambda size: f"/{size}")
    span = st.tuples(one, one).map(lambda ends: f"{min(ends)}-{max(ends)}")
    parts = st.one_of(one.map(str), span, st.just("*"), st.builds("".join, st.tuples(span | one.map(str), step)))
    return st.lists(parts, min_size=1, max_size=3).map(",".join)


schedules = st.tuples(
    number(0, 59), number(0, 23), st.just("*") | number(1, 31), st.just("*"), number(0, 6) | st.just("*")
)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "America/Sao_Paulo"])
#: Around the days on which these zones change, and any other.
moments = st.sampled_from(["2026-03-29", "2026-10-25", "2026-04-05", "2026-10-04", "2018-11-04", "2026-06-11"]).flatmap(
    lambda day: st.integers(-1800, 1800).map(lambda minutes: utc(f"{day}T00:00:30Z") + timedelta(minutes=minutes))
)


def shows(found: Fields, moment: datetime) -> bool:
    """Whether the wall clock of the schedule's zone shows one of its times at *moment*."""
    wall = moment.astimezone(found.zone)
    in_month, in_week = wall.day in found.days, wall.isoweekday() % 7 in found.weekdays
    day = (in_month or in_week) if found.either_day else (in_month and in_week)
    return day and wall.month in found.months and wall.hour in found.hours and wall.minute in found.minutes


@settings(deadline=None, max_examples=60)
@given(fields=schedules, zone=zones, moment=moments)
def test_it_is_the_first_minute_whose_wall_clock_fits(fields: tuple[str, ...], zone: str, moment: datetime) -> None:
    found = parse(" ".join(fields), zone)
    assert isinstance(found, Fields)
    assert found.zone == (ZoneInfo(zone))
    due = found.after(moment)
    minute = moment.replace(second=0) + timedelta(minutes=1)
    for _ in range(3 * 1440):
        if shows(found, minute):
            assert due == minute
            return
        minute += timedelta(minutes=1)
    assert due is None or due >= minute
    assert due is None or due.tzinfo == UTC


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [  # each line is an answer of netresearch/go-cron v0.15.0
        ("0 3 1 * 0", "2026-03-04T10:00:00Z", "2026-11-01T03:00:00Z"),
        ("0 3 1-7 * mon", "2026-03-04T10:00:00Z", "2026-04-06T03:00:00Z"),
        ("30 1 13 * fri", "2026-03-04T10:00:00Z", "2026-03-13T01:30:00Z"),
        ("15 4 * * 7", "2026-03-04T10:00:00Z", "2026-03-08T04:15:00Z"),
        ("0 22-2 * * *", "2026-03-04T10:00:00Z", "2026-03-04T22:00:00Z"),
        ("0 22-2/2 * * *", "2026-03-04T23:30:00Z", "2026-03-05T00:00:00Z"),
        ("0 5 * * fri-mon", "2026-03-05T10:00:00Z", "2026-03-06T05:00:00Z"),
        ("0 5 * nov-feb sat-sun", "2026-03-03T10:00:00Z", "2026-11-01T05:00:00Z"),
        ("0 5 28-3 * *", "2026-03-04T10:00:00Z", "2026-03-28T05:00:00Z"),
        ("0 0 * * 1/2", "2026-03-04T10:00:00Z", "2026-03-06T00:00:00Z"),
        ("0 0 * * */3", "2026-03-04T10:00:00Z", "2026-03-07T00:00:00Z"),
        ('TZ="Asia/Tokyo" 0 3 * * *', "2026-03-04T10:00:00Z", "2026-03-04T18:00:00Z"),
        ("CRON_TZ=America/New_York 30 23 * * *", "2026-03-04T10:00:00Z", "2026-03-05T04:30:00Z"),
        ("@weekly", "2026-03-04T10:00:00Z", "2026-03-08T00:00:00Z"),
        ("@every 6h", "2026-03-04T10:00:30Z", "2026-03-04T16:00:30Z"),
        ("0 0 31 2 *", "2026-03-04T10:00:00Z", "none"),
        ("@manual", "2026-03-04T10:00:00Z", "none"),
        ("50-10/10 * ? * *", "2026-03-04T10:00:00Z", "2026-03-04T10:10:00Z"),
    ],
)
def test_answers_as_velero_does(text: str, after: str, due: str) -> None:
    assert parse(text, dialect="go-cron").after(utc(after)) == (None if due == "none" else utc(due))


@pytest.mark.parametrize("text", ["0 5 * * fri-mon", "15 4 * * 7", "@manual"])
def test_what_only_velero_reads_is_no_schedule_of_a_cron_job(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a schedule|not within"):
        parse(text)
