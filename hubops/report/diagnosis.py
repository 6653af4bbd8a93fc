"""What `hubops doctor` found out, as text: one page for people, tables for mail, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from tabulate import tabulate

from hubops.model.diagnosis import Diagnosis, Fact, Lack
from hubops.model.text import inert, redact
from hubops.report import Options, words
from hubops.report.page import Page

#: Characters. The messages of servers have no end of their own.
_PROSE = 1000
_COLUMN = 18
_LEVELS = {"ok": "ok", "note": "info", "problem": "critical"}
_CHECKS_SHOWN = 8


def clean(diagnosis: Diagnosis) -> Diagnosis:
    """*diagnosis* with inert text and credentials redacted."""
    return replace(
        diagnosis,
        cluster=_said(diagnosis.cluster),
        facts=tuple(replace(fact, text=_said(fact.text)) for fact in diagnosis.facts),
        lacks=tuple(replace(lack, reason=lack.reason and _said(lack.reason)) for lack in diagnosis.lacks),
    )


def _said(text: str) -> str:
    return inert(redact(text[: 2 * _PROSE]), limit=_PROSE).strip()


def verdict(diagnosis: Diagnosis) -> str:
    """The page in one sentence."""
    if diagnosis.well:
        return f"hubops can read all that its {words.plural(diagnosis.checks, 'check')} need"
    problems = sum(fact.level == "problem" for fact in diagnosis.facts)
    parts = [words.plural(problems, "problem")] if problems else []
    parts += [f"{len(diagnosis.lacks)} of {words.plural(diagnosis.rights, 'right')} missing"] if diagnosis.lacks else []
    blind = len(_blind(diagnosis))
    return ", ".join(parts) + (f": {blind} of {words.plural(diagnosis.checks, 'check')} cannot look" if blind else "")


def _blind(diagnosis: Diagnosis) -> set[str]:
    by_facts = {check for fact in diagnosis.facts for check in fact.checks}
    return by_facts | {check for lack in diagnosis.lacks for check in lack.dependents.unknown}


def rich(diagnosis: Diagnosis, options: Options) -> str:
    """The page at `options.width` columns; the rule to add stands as it is, to be copied."""
    found = clean(diagnosis)
    page = Page(options)
    level = "ok" if found.well else "unknown"
    page.add(
        (found.cluster, "strong"), f": {verdict(found)}", label=(f"{page.glyphs[level]} ", level), column=2
    )  # fmt: skip
    page.add((f"doctor, {_when(found)}", "quiet"), indent=2)
    page.blank()
    for fact in found.facts:
        style = _LEVELS[fact.level]
        page.add(fact.text, label=(f"{page.glyphs[style]} {fact.about}", style), column=_COLUMN)
        if fact.checks:
            page.add((f"unknown without it: {words.listed(fact.checks, _CHECKS_SHOWN)}", "quiet"), indent=_COLUMN)
    if found.rights:
        _rights(page, found)
    return page.text()


def _rights(page: Page, found: Diagnosis) -> None:
    level = "critical" if found.lacks else "ok"
    label = (f"{page.glyphs[level]} Rights", level)
    if not found.lacks:
        page.add(f"all {found.rights} that the checks need", label=label, column=_COLUMN)
        return
    page.add(f"{len(found.lacks)} of {found.rights} that the checks need are missing:", label=label, column=_COLUMN)
    for lack in found.lacks:
        page.add((f"{lack.right}", "strong"), _reason(lack), indent=2)
        for said in _loses(lack):
            page.add(said, indent=4)
    if found.rules:
        page.blank()
        page.add("Add to the ClusterRole of the user that hubops runs as:")
        for line in found.rules.splitlines():
            page.literal(line, indent=0)


def _reason(lack: Lack) -> str:
    return f": not told: {lack.reason}" if lack.reason else ""


def _loses(lack: Lack) -> list[str]:
    parts = (("unknown without it", lack.dependents.unknown), ("say less without it", lack.dependents.less))
    return [f"{what}: {words.listed(checks, _CHECKS_SHOWN)}" for what, checks in parts if checks]


def _when(found: Diagnosis) -> str:
    return f"{found.taken_at:%Y-%m-%d %H:%M:%S} UTC, took {found.duration_s:.1f} s"


def plain(diagnosis: Diagnosis, options: Options) -> str:  # noqa: ARG001 - tables have no options
    """Tables without colour; the rule follows them as it is."""
    found = clean(diagnosis)
    head = [("CLUSTER", found.cluster), ("OUTCOME", verdict(found)), ("TAKEN AT", words.stamp(found.taken_at))]
    facts = [(fact.level, fact.about, fact.text, ", ".join(fact.checks) or "-") for fact in found.facts]
    lacks = [
        (str(lack.right), ", ".join(lack.dependents.unknown) or "-", ", ".join(lack.dependents.less) or "-",
         lack.reason or "not allowed")
        for lack in found.lacks
    ]  # fmt: skip
    tables = [tabulate(head, tablefmt="plain", disable_numparse=True)]
    tables.append(tabulate(facts, ("LEVEL", "ABOUT", "WHAT", "UNKNOWN"), tablefmt="plain", disable_numparse=True))
    if lacks:
        titles = ("MISSING RIGHT", "UNKNOWN", "SAY LESS", "REASON")
        tables += [tabulate(lacks, titles, tablefmt="plain", disable_numparse=True), found.rules.rstrip()]
    lines = "\n\n".join(table for table in tables if table).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def as_json(diagnosis: Diagnosis, options: Options) -> str:  # noqa: ARG001 - JSON has no options
    """One ASCII document with the same keys every time, schema hubops.doctor/v1."""
    found = clean(diagnosis)
    document: dict[str, Any] = {
        "schema": found.schema,
        "cluster": found.cluster,
        "taken_at": words.stamp(found.taken_at),
        "duration_s": found.duration_s,
        "well": found.well,
        "checks": found.checks,
        "facts": [_fact(fact) for fact in found.facts],
        "rights": {"asked": found.rights, "missing": [_lack(lack) for lack in found.lacks], "rules": found.rules},
    }
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _fact(fact: Fact) -> dict[str, Any]:
    return {"level": fact.level, "about": fact.about, "text": fact.text, "checks": list(fact.checks)}


def _lack(lack: Lack) -> dict[str, Any]:
    right = {key: getattr(lack.right, key) for key in ("verb", "group", "resource", "namespace", "name")}
    lost = {"unknown": list(lack.dependents.unknown), "less": list(lack.dependents.less)}
    return {**right, **lost, "reason": lack.reason}


FORMATS: dict[str, Callable[[Diagnosis, Options], str]] = {"rich": rich, "plain": plain, "json": as_json}
