"""The report as Markdown for an issue, a wiki or a pull request: headings, tables, fenced evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hubops.model.finding import Finding
from hubops.model.report import Report
from hubops.report import Options, words
from hubops.report.runbook import commands

#: What a renderer may turn into something else than the text: mentions, issue numbers, links, emoji names, formulas.
_ACTIVE = re.compile(r"[@#<>&$`|\\]|://|\bwww\.|:[A-Za-z+-][\w+-]*:|\bGH-\d")
#: What makes a line a list or an underline where it stands at the start.
_LEADING = re.compile(r"[-+=]+(?:\s|$)|\d+[.)](?:\s|$)")
_PUNCTUATION = re.compile(r"([*_\[\]~])")


def write(report: Report, options: Options) -> str:
    """*report* as GitHub-flavoured Markdown; every finding in full."""
    findings = report.findings
    parts = [
        f"# {report.verdict.upper()}: {prose(report.cluster)}",
        f"{words.outcome(report).capitalize()}.",
        f"From the {prose(words.read_when(report))}.",
    ]
    if findings:
        parts += ["## Findings", _overview(findings, report)]
    unknown = [(check.id, check.reason or "no reason given") for check in report.checks if check.status == "unknown"]
    if unknown:
        parts += [
            "## Could not be checked",
            "What these checks look for may be broken too.",
            table(("Check", "Reason"), ((code(check), prose(reason)) for check, reason in unknown)),
        ]
    history = words.has_history(report)
    if findings:
        parts.append("## In detail")
    for number, finding in enumerate(findings, start=1):
        parts += _finding(number, finding, report, options, history)
    return "\n\n".join([*parts, *_appendix(report)]) + "\n"


def prose(text: str) -> str:
    """*text* as a sentence where nothing in it can act, else as a code span."""
    if _ACTIVE.search(text) or _LEADING.match(text):
        return code(text)
    return _PUNCTUATION.sub(r"\\\1", text)


def code(text: str) -> str:
    """*text* as a code span, which no renderer looks into."""
    if not text.strip():
        return "–"
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence(lines: Iterable[str], language: str = "text") -> str:
    """*lines* as a code block whose fence is longer than any run of backticks in them."""
    body = "\n".join(lines)
    ticks = "`" * max(3, _longest_run(body) + 1)
    return f"{ticks}{language}\n{body}\n{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [headers, ["---"] * len(headers), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(markdown: str) -> str:
    """A pipe may not end the cell. After a backslash renderers disagree how to escape it: there it is written out."""
    return markdown.replace("\\|", "\\\\x7c").replace("|", "\\|")


def _overview(findings: Sequence[Finding], report: Report) -> str:
    rows = (
        (
            f"{number}", finding.severity if finding.state != "resolved" else "resolved", code(str(finding.ref)),
            prose(finding.summary), f"{finding.affected:,}", prose(finding.owner or "") or "–",
            words.since(finding.since, report.taken_at).removeprefix("since ") if finding.since else "–",
        )
        for number, finding in enumerate(findings, start=1)
    )  # fmt: skip
    return table(("", "Severity", "Object", "What", "Affected", "Team", "Since"), rows)


def _finding(number: int, finding: Finding, report: Report, options: Options, history: bool) -> list[str]:
    facts = [f"Check {code(finding.check)}"]
    if history:
        facts.append(finding.state)
    if finding.value:
        facts.append(prose(words.amount(finding.value)))
    if finding.since:
        facts.append(words.since(finding.since, report.taken_at))
    if finding.owner:
        facts.append(f"team {prose(finding.owner)}")
    parts = [
        f"### {number}. {finding.severity}: {code(str(finding.ref))}",
        prose(finding.summary),
        ", ".join(facts) + ".",
    ]
    if finding.affected > 1 or finding.examples:
        named = ", ".join(code(example) for example in finding.examples)
        parts.append(f"{finding.affected:,} affected" + (f", for example {named}." if named else "."))
    if finding.evidence:
        parts.append(
            fence(f"{words.stamp(item.at) or '':20} {item.kind:6} {item.text}".rstrip() for item in finding.evidence)
        )
    if finding.symptoms:
        parts.append("Explains also:")
        parts.append(
            "\n".join(
                f"- {s.severity}, {code(str(s.ref))}: {prose(s.summary)} ({code(s.check)})" for s in finding.symptoms
            )
        )
    return [*parts, "Next:", fence(commands(finding, options.runbooks.get(finding.runbook)), "bash")]


def _appendix(report: Report) -> list[str]:
    parts: list[str] = []
    if report.ignored:
        rows = ((code(item.check), code(str(item.ref)), prose(item.reason)) for item in report.ignored)
        parts += ["## Ignored on request", table(("Check", "Object", "Reason"), rows)]
    if report.sources:
        rows = ((code(source.name), source.status, prose(words.reached(source))) for source in report.sources)
        parts += ["## Sources", table(("Source", "Status", "Reached"), rows)]
    if report.checks:
        checks = (
            (code(c.id), c.status, f"{c.examined:,}{f' {prose(c.of)}' if c.of else ''}", prose(c.reason or "") or "–")
            for c in report.checks
        )
        parts += ["## Checks", table(("Check", "Status", "Examined", "Reason"), checks)]
    return parts
