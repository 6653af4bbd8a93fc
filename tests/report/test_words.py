from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from hubops.model.finding import Value
from hubops.model.report import CheckResult, Counts, Filter, Report
from hubops.report import FORMATS, Options, words
from tests.report.samples import CRASH, NOW, PASSED, SAMPLES, VOLUME, report


@pytest.mark.parametrize(
    ("began", "text"),
    [
        (NOW - timedelta(hours=3, minutes=5), "since 02:14 UTC, 3h 5m ago"),
        (NOW - timedelta(hours=6), "since 2026-03-03 23:19 UTC, 6h ago"),
        (NOW - timedelta(days=400), "since 2025-01-28 05:19 UTC, 400d ago"),
        (NOW, "since 05:19 UTC, 0s ago"),
        (NOW + timedelta(minutes=2), "since 05:21 UTC"),
    ],
)
def test_since(began: datetime, text: str) -> None:
    assert words.since(began, NOW) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(0.907, "ratio"), "90.7 %"),
        (Value(9.3 * 2**30, "bytes"), "9.3 GiB"),
        (Value(0.25, "seconds"), "0.25 s"),
        (Value(11100, "seconds"), "3h 5m"),
        (Value(-7200, "seconds"), "-2h"),
        (Value(1e300, "seconds"), "1e+300 s"),
        (Value(14, "restarts"), "14 restarts"),
        (Value(1234567, "lines"), "1,234,567 lines"),
        (Value(3.14159, "lines/s"), "3.14 lines/s"),
    ],
)
def test_amount(value: Value, text: str) -> None:
    assert words.amount(value) == text


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (SAMPLES["none"], "no findings"),
        (SAMPLES["few"], "1 critical, 1 warning, 1 info"),
        (SAMPLES["blind"], "no findings, but 3 of 7 checks could not look"),
        (
            report(VOLUME, verdict="warning", checks=(CheckResult(id="x", status="unknown"),)),
            "1 warning, and 1 of 2 checks could not look",
        ),
        (report(verdict="ok", checks=()), "no findings, but no check was run"),
    ],
)
def test_outcome_never_hides_what_was_not_checked(made: Report, text: str) -> None:
    assert words.outcome(made) == text


@pytest.mark.parametrize(
    ("affected", "examples", "text"),
    [
        (1, (), None),
        (1, ("cart",), None),
        (1, ("cart-x",), "1 affected: cart-x"),
        (2, ("a", "b"), "2 affected: a, b"),
        (1200, ("a", "b", "c", "d"), "1,200 affected: a, b, c and 1,197 more"),
        (3, (), "3 affected"),
    ],
)
def test_affected(affected: int, examples: tuple[str, ...], text: str | None) -> None:
    assert words.affected(replace(CRASH, affected=affected, examples=examples)) == text


def test_passed_says_what_was_looked_at_and_what_was_empty() -> None:
    assert words.passed(report(verdict="ok", checks=PASSED)) == (
        "5 checks passed, looking at 812 pods, 93 deployments, 6 nodes, 1 alerts; "
        "1 of them had nothing to look at: certificate-expiring"
    )
    assert (
        words.passed(report(verdict="ok", checks=(CheckResult(id="x", status="passed", examined=3),)))
        == "1 check passed"
    )
    assert words.passed(report(verdict="unknown", checks=(CheckResult(id="x", status="unknown"),))) is None


def test_stamp() -> None:
    assert words.stamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"
    assert words.stamp(None) is None


@pytest.mark.parametrize(
    ("narrowed", "text"),
    [
        (Filter(only=("pod-*",)), "no findings; filtered to check pod-*"),
        (
            Filter(namespaces=("shop", "web-*"), teams=("a",), severity="warning"),
            "no findings; filtered to namespace shop or web-*, team a, warning or worse",
        ),
        (
            Filter(severity="critical", hidden=Counts(warning=1200, info=1)),
            "no findings; filtered to critical only: 1,200 warning, 1 info not shown",
        ),
    ],
)
@pytest.mark.parametrize("name", ["rich", "plain", "markdown"])
def test_a_filtered_report_is_never_mistaken_for_a_whole_one(narrowed: Filter, text: str, name: str) -> None:
    made = replace(SAMPLES["none"], filter=narrowed)
    assert words.outcome(made) == text
    said = " ".join(FORMATS[name].render(made, Options(width=200)).replace("\\", "").split())
    assert text.lower() in said.lower()
    assert "filtered" not in FORMATS[name].render(SAMPLES["none"])
