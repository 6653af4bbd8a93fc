"""The report as a person on call reads it: verdict, findings worst first, what could not be checked, then the rest."""

from __future__ import annotations

from collections import Counter

from hubops.model.finding import Evidence, Finding
from hubops.model.report import Report
from hubops.report import Options, words
from hubops.report.page import Page, Part
from hubops.report.runbook import commands
from hubops.report.shell import word

EVIDENCE_SHOWN = 5  # per finding
LINES_SHOWN = 4  # per piece of evidence
SYMPTOMS_SHOWN = 4
#: Up to so many findings all are printed in full; above, the first few of each check are, the others in short.
ALL_IN_FULL = 20
FULL_PER_CHECK = 3
#: The verdict is said again under a report that is longer than most terminals.
ONE_SCREEN = 40
LABEL = 12  # columns of "✖ CRITICAL"


def write(report: Report, options: Options) -> str:
    """*report* at `options.width` columns, with ANSI colours where `options.color` says so."""
    page = Page(options)
    _headline(page, report)
    _findings(page, report, options)
    _could_not_check(page, report)
    _footer(page, report)
    if len(page) > ONE_SCREEN:
        page.blank()
        _headline(page, report)
    return page.text()


def _headline(page: Page, report: Report) -> None:
    page.add((report.cluster, "strong"), f": {words.outcome(report)}", label=_label(page, report.verdict), column=LABEL)
    page.add((words.read_when(report), "quiet"), indent=LABEL)


def _label(page: Page, level: str) -> Part:
    return (f"{page.glyphs[level]} {level.upper()}", level)


def _findings(page: Page, report: Report, options: Options) -> None:
    findings = report.findings
    if len(findings) > ALL_IN_FULL:
        page.blank()
        counts = Counter(finding.check for finding in findings).most_common()
        page.add(words.listed([f"{check} {number:,}" for check, number in counts], 12), label="By check:", column=LABEL)
    shown: Counter[str] = Counter()
    shortened = 0
    history = words.has_history(report)
    for finding in findings:
        shown[finding.check] += 1
        page.blank()
        _finding(page, finding, report, history)
        if finding.state == "resolved" or (len(findings) > ALL_IN_FULL and shown[finding.check] > FULL_PER_CHECK):
            shortened += finding.state != "resolved"
            continue
        _details(page, finding, report, options)
    if shortened:
        page.blank()
        page.add(
            f"{words.plural(shortened, 'finding')} shown without evidence, because others of the same check have it: ",
            "all of it with --output markdown=FILE or --output json=FILE.", indent=2,
        )  # fmt: skip


def _finding(page: Page, finding: Finding, report: Report, history: bool) -> None:
    """Which object, what is wrong with it, since when: what no finding goes without."""
    resolved = (f"{page.glyphs['ok']} RESOLVED", "ok")
    label = resolved if finding.state == "resolved" else _label(page, finding.severity)
    team = f"  team {finding.owner}" if finding.owner else ""
    page.add((str(finding.ref), "strong"), (team, "quiet"), label=label, column=LABEL)
    page.add(finding.summary, indent=2)
    facts = [finding.check]
    if history and finding.state != "resolved":
        facts.append(finding.state)
    if finding.value:
        facts.append(words.amount(finding.value))
    if finding.since:
        facts.append(words.since(finding.since, report.taken_at))
    page.add(", ".join(facts), indent=2)


def _details(page: Page, finding: Finding, report: Report, options: Options) -> None:
    if many := words.affected(finding):
        page.add(many, indent=2)
    for evidence in finding.evidence[:EVIDENCE_SHOWN]:
        _evidence(page, evidence, report)
    if (rest := len(finding.evidence) - EVIDENCE_SHOWN) > 0:
        page.add((f"and {rest} more in --output json", "quiet"), indent=4)
    _symptoms(page, finding)
    page.add("Next:", indent=2)
    for command in commands(finding, options.runbooks.get(finding.runbook)):
        page.command(command)


def _evidence(page: Page, evidence: Evidence, report: Report) -> None:
    at = f"{words.clock(evidence.at, report.taken_at)} " if evidence.at else ""
    style = "quiet" if evidence.kind == "log" else ""
    label = (f"{at}{evidence.kind}", "quiet")
    page.add((evidence.text, style), label=label, column=13, indent=4, most=LINES_SHOWN)


def _symptoms(page: Page, finding: Finding) -> None:
    """What the finding explains, told once and in short."""
    for symptom in finding.symptoms[:SYMPTOMS_SHOWN]:
        where = "" if symptom.ref == finding.ref else f"{symptom.ref}: "
        many = f", {symptom.affected:,} affected" if symptom.affected > 1 else ""
        tail = f" ({symptom.severity}, {symptom.check}{many})"
        page.add(where, symptom.summary, (tail, "quiet"), label="also", column=6, indent=2, most=LINES_SHOWN)
    if (rest := len(finding.symptoms) - SYMPTOMS_SHOWN) > 0:
        page.add(f"and {rest} more that follow from this", indent=8)


def _could_not_check(page: Page, report: Report) -> None:
    groups = words.by_reason(report.checks, "unknown")
    if not groups:
        return
    ids = [check for checks in groups.values() for check in checks]
    page.blank()
    page.add(
        (f"{len(ids)} of {words.plural(len(report.checks), 'check')} could not look: ", "strong"),
        "what they look for may be broken too.", label=_label(page, "unknown"), column=LABEL,
    )  # fmt: skip
    for reason, checks in groups.items():
        page.add(reason, label="-", column=2, indent=2)
        page.add(", ".join(checks), indent=4)
    if again := words.selectable(ids):
        page.add("Remedy the cause above, then look again:", indent=2)
        page.command(" ".join(["hubops check", *(word(check) for check in again)]))


def _footer(page: Page, report: Report) -> None:
    """How the evidence was reached, and what was left out on request."""
    page.blank()
    for number, source in enumerate(report.sources):
        status = "" if source.status == "ok" else f"{source.status.upper()}: "
        style = {"failed": "critical", "partial": "warning"}.get(source.status, "")
        page.add(
            (f"{source.name} ", "strong"), (status, style), (words.reached(source), "" if status else "quiet"),
            label="" if number else "Read from:", column=LABEL,
        )  # fmt: skip
    if good := words.passed(report):
        page.add(good, label="Passed:", column=LABEL)
    for reason, checks in words.by_reason(report.checks, "skipped").items():
        page.add(f"{', '.join(checks)}: {reason}", label="Skipped:", column=LABEL)
    if report.ignored:
        reasons = Counter(f"{item.check}: {item.reason}" for item in report.ignored).most_common()
        said = words.listed([f"{reason} ({number:,})" if number > 1 else reason for reason, number in reasons], 5)
        page.add(f"{words.plural(len(report.ignored), 'finding')} on request. {said}", label="Ignored:", column=LABEL)
