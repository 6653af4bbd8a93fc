"""Tables without colour or drawing: one row for each thing, so that grep, awk and mail can carry them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tabulate import tabulate

from hubops.model.report import Report
from hubops.report import Options, words
from hubops.report.runbook import commands

EVIDENCE_SHOWN = 5  # per finding


def write(report: Report, options: Options) -> str:
    """*report* as tables; one without rows is left out. What could not be checked comes right after the findings."""
    findings = report.findings
    evidence = [
        (f.check, str(f.ref), item.kind, words.stamp(item.at) or "-", item.text)
        for f in findings
        for item in f.evidence[:EVIDENCE_SHOWN]
    ]
    symptoms = [
        (s.severity, s.check, str(s.ref), f"{f.check} {f.ref}", s.summary) for f in findings for s in f.symptoms
    ]
    following = [
        (f.check, str(f.ref), command) for f in findings for command in commands(f, options.runbooks.get(f.runbook))
    ]
    tables = [
        _head(report),
        _findings(report),
        _table("COULD NOT CHECK", ("CHECK", "REASON"), _checks(report, "unknown")),
        _table("FOLLOWS FROM A FINDING", ("SEVERITY", "CHECK", "OBJECT", "FINDING", "SUMMARY"), symptoms),
        _table("EVIDENCE", ("CHECK", "OBJECT", "KIND", "AT", "TEXT"), evidence),
        _table("NEXT", ("CHECK", "OBJECT", "COMMAND"), following),
        _table(
            "SOURCES", ("SOURCE", "STATUS", "REACHED"), [(s.name, s.status, words.reached(s)) for s in report.sources]
        ),
        _table("SKIPPED", ("CHECK", "REASON"), _checks(report, "skipped")),
        _table("IGNORED", ("CHECK", "OBJECT", "REASON"), [(i.check, str(i.ref), i.reason) for i in report.ignored]),
        _table(
            "PASSED",
            ("CHECK", "EXAMINED"),
            [(c.id, _examined(c.examined, c.of)) for c in report.checks if c.status == "passed"],
        ),
    ]
    return "\n".join(table for table in tables if table)


def _head(report: Report) -> str:
    rows = [
        ("VERDICT", report.verdict),
        ("OUTCOME", words.outcome(report)),
        ("CLUSTER", report.cluster),
        ("ROUND", report.round),
        ("TAKEN AT", words.stamp(report.taken_at) or ""),
        ("DURATION", f"{report.duration_s:.1f} s"),
    ]
    return _table("", (), rows)


def _findings(report: Report) -> str:
    rows = [
        (
            f.severity, f.state, f.check, str(f.ref), f"{f.affected}", words.stamp(f.since) or "-", f.owner or "-",
            words.amount(f.value) if f.value else "-", f.summary,
        )
        for f in report.findings
    ]  # fmt: skip
    headers = ("SEVERITY", "STATE", "CHECK", "OBJECT", "AFFECTED", "SINCE", "TEAM", "VALUE", "SUMMARY")
    return _table("FINDINGS", headers, rows)


def _checks(report: Report, status: str) -> list[tuple[str, str]]:
    return [(check.id, check.reason or "no reason given") for check in report.checks if check.status == status]


def _examined(number: int, noun: str | None) -> str:
    return f"{number} {noun}" if noun else f"{number}"


def _table(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    kept = [[cell.strip() or "-" for cell in row] for row in rows]
    if not kept:
        return ""
    table = tabulate(kept, headers=headers, tablefmt="plain", disable_numparse=True)
    lines = [title, *table.splitlines()] if title else table.splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"
