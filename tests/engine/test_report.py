from __future__ import annotations

import msgspec
import pytest

from hubops.engine.catalog import Problem
from hubops.engine.report import build, exit_code, verdict
from hubops.engine.runner import Outcome
from hubops.errors import Exit
from hubops.model.check import Severity
from hubops.model.finding import Finding, Ref
from hubops.model.report import CheckResult, Counts, Ignored, Report, Verdict
from hubops.model.snapshot import Source
from tests.engine.make import NOW, snapshot


def found(check: str, severity: Severity, affected: int = 1, **fields: object) -> Finding:
    base = Finding(
        check=check,
        severity=severity,
        ref=Ref("Node", check),
        affected=affected,
        summary="x",
        runbook=check,
        fingerprint=check,
    )
    return msgspec.structs.replace(base, **fields)


def built(outcome: Outcome, *problems: Problem) -> Report:
    sources = (Source(name="kubernetes", status="ok"),)
    return build("daily", snapshot(sources=sources), outcome, duration_s=1.5, problems=problems)


def test_the_report_holds_what_the_round_came_to() -> None:
    ignored = (Ignored(check="a", ref=Ref("Node", "n"), reason="known"),)
    results = (CheckResult(id="b", status="fired"), CheckResult(id="a", status="passed"))
    report = built(Outcome(results, (found("b", "warning"),), ignored))
    assert (report.round, report.cluster, report.taken_at, report.duration_s) == ("daily", "test", NOW, 1.5)
    assert report.verdict == "warning"
    assert report.counts == Counts(warning=1)
    assert [one.id for one in report.checks] == ["a", "b"]
    assert report.ignored == ignored
    assert report.sources[0].name == "kubernetes"


def test_findings_come_worst_first_then_widest() -> None:
    findings = (found("a", "info", 99), found("b", "warning"), found("c", "critical"), found("d", "warning", 7))
    assert [one.check for one in built(Outcome((), findings, ())).findings] == ["c", "d", "b", "a"]


def test_what_is_resolved_does_not_count() -> None:
    report = built(Outcome((), (found("a", "critical", state="resolved"), found("b", "info")), ()))
    assert (report.verdict, report.counts) == ("ok", Counts(info=1))


def test_a_check_that_cannot_be_used_is_unknown() -> None:
    results = (CheckResult(id="a", status="passed"),)
    problems = (
        Problem("bad", "mine/bad.yaml: x"),
        Problem("bad", "mine/bad.yaml: y"),
        Problem("a", "mine/a.yaml: twice"),
    )
    report = built(Outcome(results, (), ()), *problems)
    assert report.checks[1:] == (CheckResult(id="bad", status="unknown", reason="mine/bad.yaml: x; mine/bad.yaml: y"),)
    assert (report.verdict, report.counts.unknown) == ("unknown", 1)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(), "ok"),
        (Counts(info=3), "ok"),
        (Counts(unknown=1, info=3), "unknown"),
        (Counts(unknown=1, warning=1), "warning"),
        (Counts(unknown=1, warning=1, critical=1), "critical"),
    ],
)
def test_verdicts(counts: Counts, expected: Verdict) -> None:
    assert verdict(counts) == expected


CODES: dict[Verdict, dict[str, Exit]] = {
    "critical": {"critical": Exit.CRITICAL, "warning": Exit.CRITICAL, "unknown": Exit.CRITICAL, "never": Exit.OK},
    "warning": {"critical": Exit.OK, "warning": Exit.WARNING, "unknown": Exit.WARNING, "never": Exit.OK},
    "unknown": {"critical": Exit.OK, "warning": Exit.OK, "unknown": Exit.UNKNOWN, "never": Exit.OK},
    "ok": {"critical": Exit.OK, "warning": Exit.OK, "unknown": Exit.OK, "never": Exit.OK},
}


@pytest.mark.parametrize(("verdict_", "fail_on"), [(v, f) for v, codes in CODES.items() for f in codes])
def test_exit_codes(verdict_: Verdict, fail_on: str) -> None:
    report = msgspec.structs.replace(built(Outcome((), (), ())), verdict=verdict_)
    assert exit_code(report, fail_on) is CODES[verdict_][fail_on]
