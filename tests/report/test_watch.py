"""What --watch shows: lines that are appended, and a screen that is drawn anew."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hubops.model.change import Change
from hubops.model.finding import Ref
from hubops.model.report import Report
from hubops.report import Options
from hubops.report.watch import SHOWN, failed_line, lines, screen
from tests.report.samples import CRASH, NOW, SAMPLES
from tests.report.strategies import hostile, reports

NEW = Change(at=NOW, what="new", checks=("pod-pending",), text="waits", severity="warning", ref=Ref("Pod", "a", "b"))
BLIND = Change(at=NOW, what="blind", checks=("x", "y"), text="cannot look: 403")


def test_the_first_round_names_what_is_there() -> None:
    first, *present = lines(SAMPLES["few"], 1, (), first=True).splitlines()
    assert first == "2026-03-04T05:19:08Z round 1 critical: 1 critical, 1 warning, 1 info"
    assert present[0] == f"2026-03-04T05:19:08Z present critical pod-crash-looping {CRASH.ref}: {CRASH.summary}"
    assert len(present) == 3


def test_later_rounds_name_what_changed() -> None:
    assert lines(SAMPLES["none"], 2, (NEW, BLIND), first=False).splitlines() == [
        "2026-03-04T05:19:08Z round 2 ok: no findings",
        "2026-03-04T05:19:08Z new warning pod-pending Pod b/a: waits",
        "2026-03-04T05:19:08Z blind - x, y: cannot look: 403",
    ]
    assert failed_line(NOW, 3, "refused\x1b[2J") == "2026-03-04T05:19:08Z round 3 failed: refused\\x1b[2J\n"


def test_the_screen_shows_status_changes_and_report() -> None:
    text = screen(SAMPLES["few"], "daily every 60 s", (NEW, BLIND), Options(width=80), 60)
    rows = text.splitlines()
    assert rows[:3] == [
        "daily every 60 s",
        "05:19:08 blind   x, y: cannot look: 403",
        "05:19:08 new     pod-pending Pod b/a: waits",
    ]
    assert "CRITICAL" in rows[4]


@pytest.mark.parametrize("height", [5, 10, 24, 200])
def test_no_more_than_fits(height: int) -> None:
    text = screen(SAMPLES["many"], "status", [NEW] * (SHOWN + 3), Options(width=80), height)
    rows = text.splitlines()
    assert len(rows) <= max(height, SHOWN + 3)
    assert sum("pod-pending Pod b/a" in row for row in rows) == SHOWN
    assert "more lines" in rows[-1]


def test_without_a_report_there_is_only_the_status() -> None:
    assert screen(None, "NOT READ", (), Options(width=80), 24).strip() == "NOT READ"


@given(made=reports(), text=hostile, width=st.integers(40, 120))
def test_nothing_that_acts_and_nothing_too_wide(made: Report, text: str, width: int) -> None:
    change = Change(at=NOW, what="new", checks=("c",), text=text, severity="info", ref=Ref(text, text, text))
    drawn = screen(made, text, (change,), Options(width=width), 40)
    for written in (drawn, lines(made, 2, (change,), first=True)):
        found = {c for c in written if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
        assert found <= {"\n"}
    assert [line for line in drawn.splitlines() if cell_len(line) > width] == []
    assert len(lines(made, 2, (change,), first=False).splitlines()) == 2
