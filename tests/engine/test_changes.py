"""From one round to the next: what is new, gone or changed, and what only could not be seen."""

from __future__ import annotations

from typing import Any

from hubops.engine.changes import Memory, compare
from hubops.model.change import Change
from hubops.model.finding import Finding, Ref, Symptom
from hubops.model.report import CheckResult, Counts, Filter, Ignored, Report
from tests.engine.make import NOW

POD, NODE = Ref("Pod", "cart-1", "shop"), Ref("Node", "worker-1")
ALL = {"crash": "fired", "node": "fired"}


def finding(check: str = "crash", ref: Ref = POD, **fields: Any) -> Finding:
    given: dict[str, Any] = {"severity": "warning", "summary": "dies", "runbook": check, "fingerprint": "f"} | fields
    return Finding(check=check, ref=ref, **given)


def report(*findings: Finding, checks: dict[str, str] = ALL, **fields: Any) -> Report:
    results: list[Any] = [
        CheckResult(id=name, status=status, reason="403" if status == "unknown" else None)  # type: ignore[arg-type]
        for name, status in checks.items()
    ]
    return Report(
        round="daily", cluster="c", taken_at=NOW, duration_s=1, verdict="ok", counts=Counts(), checks=tuple(results),
        findings=findings, sources=(), **fields,
    )  # fmt: skip


def rounds(*reports: Report) -> list[list[Change]]:
    memory: Memory | None = None
    found = []
    for each in reports:
        changes, memory = compare(memory, each)
        found.append(list(changes))
    return found


def said(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.what, change.text) for change in changes]


def test_in_the_first_round_nothing_changed() -> None:
    assert rounds(report(finding())) == [[]]


def test_the_same_again_is_no_change_though_its_words_differ() -> None:
    assert rounds(report(finding(summary="14 restarts")), report(finding(summary="15 restarts")))[1] == []


def test_new_and_gone() -> None:
    _, new, gone, nothing = rounds(report(), report(finding()), report(), report())
    assert said(new) == [("new", "dies")]
    assert (new[0].ref, new[0].severity, new[0].checks, new[0].at) == (POD, "warning", ("crash",), NOW)
    assert said(gone) == [("gone", "no longer there: dies")]
    assert nothing == []


def test_what_is_no_longer_looked_at_is_not_gone() -> None:
    blind = {"crash": "unknown", "node": "passed"}
    _, lost, still, back, later = rounds(
        report(finding()), report(checks=blind), report(checks=blind), report(finding()), report()
    )
    assert said(lost) == [("blind", "cannot look: 403")]
    assert still == []
    assert said(back) == [("sees", "can look again"),
                          ("changed", "is still there, now that it can be looked at again")]  # fmt: skip
    assert said(later) == [("gone", "no longer there: dies")]


def test_what_was_repaired_while_nobody_could_look_is_gone_when_somebody_can() -> None:
    _, _, back = rounds(report(finding()), report(checks={"crash": "unknown"}), report(checks={"crash": "passed"}))
    assert said(back) == [("sees", "can look again"), ("gone", "no longer there: dies")]


def test_a_check_that_was_switched_off_found_nothing_out() -> None:
    assert rounds(report(finding()), report(checks={"crash": "skipped"}), report(checks={})) == [[], [], []]


def test_severity_and_number() -> None:
    _, worse = rounds(report(finding()), report(finding(severity="critical", affected=1200)))
    assert said(worse) == [("changed", "critical instead of warning, 1,200 affected instead of 1")]


def test_what_becomes_a_symptom_is_not_gone() -> None:
    symptom = Symptom(check="crash", severity="warning", ref=POD, summary="dies")
    cause = finding("node", NODE, summary="down", symptoms=(symptom,))
    _, folded, loose = rounds(report(finding()), report(cause), report(finding()))
    assert said(folded) == [("changed", "follows from node on Node worker-1"), ("new", "down")]
    assert said(loose) == [("changed", "no longer follows from node on Node worker-1"),
                           ("gone", "no longer there: down")]  # fmt: skip


def test_a_new_symptom_names_its_cause() -> None:
    symptom = Symptom(check="crash", severity="warning", ref=POD, summary="dies")
    _, new = rounds(report(), report(finding("node", NODE, summary="down", symptoms=(symptom,))))
    assert said(new) == [("new", "dies; it follows from node on Node worker-1"), ("new", "down")]


def test_what_is_hidden_on_request_is_not_repaired() -> None:
    ignored = (Ignored(check="crash", ref=POD, reason="known"),)
    assert said(rounds(report(finding()), report(ignored=ignored))[1]) == [("gone", "is ignored on request")]
    narrowed = Filter(severity="critical")
    critical = finding(severity="critical")
    (change,) = rounds(report(critical, filter=narrowed), report(filter=narrowed))[1]
    assert change.text == "no longer there, or less severe than is shown: dies"


def test_checks_that_lose_their_sight_together_are_one_change() -> None:
    (lost,) = rounds(report(), report(checks={"crash": "unknown", "node": "unknown"}))[1]
    assert (lost.what, lost.checks, lost.ref) == ("blind", ("crash", "node"), None)
