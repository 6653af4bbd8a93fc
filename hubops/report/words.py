"""What every format says in the same words: verdict, times, values, and the order of findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from hubops.model.finding import Finding, Value
from hubops.model.quantity import human_bytes, human_duration
from hubops.model.report import CheckResult, Counts, Filter, Report
from hubops.model.snapshot import Source


def plural(number: int, noun: str) -> str:
    """1 check, 2 checks, 1,000 checks."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def outcome(report: Report) -> str:
    """The counts as a sentence; what could not be checked, and what was left out on request, is always part of it."""
    found = _counted(report.counts) or "no findings"
    blind = sum(check.status == "unknown" for check in report.checks)
    if not report.checks:
        found += ", but no check was run"
    elif blind:
        total = plural(len(report.checks), "check")
        found += f", {'and' if report.findings else 'but'} {blind} of {total} could not look"
    return found + (f"; {filtered(report.filter)}" if report.filter else "")


def filtered(narrowed: Filter) -> str:
    """filtered to namespace shop or web, critical only: 1 critical, 3 warning not shown"""
    parts = [f"{noun} {' or '.join(names)}" for noun, names in (
        ("check", narrowed.only), ("namespace", narrowed.namespaces), ("team", narrowed.teams)
    ) if names]  # fmt: skip
    if narrowed.severity:
        parts.append(
            f"{narrowed.severity} only" if narrowed.severity == "critical" else f"{narrowed.severity} or worse"
        )
    hidden = _counted(narrowed.hidden)
    return f"filtered to {', '.join(parts)}" + (f": {hidden} not shown" if hidden else "")


def _counted(counts: Counts) -> str:
    """2 critical, 1 info; empty where there is none."""
    numbers = ((counts.critical, "critical"), (counts.warning, "warning"), (counts.info, "info"))
    return ", ".join(f"{number:,} {severity}" for number, severity in numbers if number)


def read_when(report: Report) -> str:
    """daily round, 2026-03-04 05:19:08 UTC, took 1.9 s"""
    return f"{report.round} round, {report.taken_at:%Y-%m-%d %H:%M:%S} UTC, took {report.duration_s:.1f} s"


def since(began: datetime, now: datetime) -> str:
    """since 02:14 UTC, 3h 5m ago; with the date where it was another day than *now*."""
    day = "" if began.date() == now.date() else f"{began:%Y-%m-%d} "
    ago = f", {human_duration(now - began)} ago" if began <= now else ""
    return f"since {day}{began:%H:%M} UTC{ago}"


def clock(at: datetime, now: datetime) -> str:
    """02:14, or 03-28 where it was another day than *now*: as much as a narrow column has room for."""
    return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%m-%d}"


def stamp(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, 2026-03-04T05:19:08Z; the report's times are in UTC already."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def amount(value: Value) -> str:
    """The number with its unit, as people read it: 87.5 %, 1.2 GiB, 3h 5m, 0.25 s, 14 restarts."""
    number, unit = value.number, value.unit
    if unit == "ratio":
        return f"{number * 100:.3g} %"
    if unit == "bytes":
        return human_bytes(number)
    if unit == "seconds" and 60 <= abs(number) < 1e9:
        return ("-" if number < 0 else "") + human_duration(timedelta(seconds=number))
    text = f"{int(number):,}" if number == int(number) and abs(number) < 1e15 else f"{number:.3g}"
    return f"{text} {'s' if unit == 'seconds' else unit}"


def affected(finding: Finding, *, examples: int = 3) -> str | None:
    """12 affected: cart-1, cart-2, cart-3 and 9 more; None for a finding about one object that names no other."""
    others = [example for example in finding.examples if example != finding.ref.name]
    shown = others[:examples]
    if finding.affected == 1 and not shown:
        return None
    rest = finding.affected - len(shown)
    more = f" and {rest:,} more" if shown and rest else ""
    return f"{finding.affected:,} affected" + (f": {', '.join(shown)}{more}" if shown else "")


def has_history(report: Report) -> bool:
    """Whether an earlier run was there to compare with: without one every finding is new, which says nothing."""
    return any(finding.state != "new" for finding in report.findings)


def selectable(ids: Iterable[str]) -> list[str]:
    """Those of *ids* that `hubops check` takes: what stands for a file or folder that cannot be used is its path."""
    return [item for item in ids if "/" not in item]


def by_reason(checks: Iterable[CheckResult], status: str) -> dict[str, list[str]]:
    """The ids of the checks with *status*, by their reason."""
    groups: dict[str, list[str]] = {}
    for check in checks:
        if check.status == status:
            groups.setdefault(check.reason or "no reason given", []).append(check.id)
    return groups


def passed(report: Report) -> str | None:
    """14 checks passed, looking at 812 pods and 6 nodes; 2 of them found nothing to look at (a, b)."""
    good = [check for check in report.checks if check.status == "passed"]
    if not good:
        return None
    empty = [check.id for check in good if not check.examined]
    looked = _looked_at(good)
    text = f"{plural(len(good), 'check')} passed" + (f", looking at {looked}" if looked else "")
    return text + (f"; {len(empty)} of them had nothing to look at: {listed(empty, 6)}" if empty else "")


def _looked_at(checks: Sequence[CheckResult]) -> str:
    most: dict[str, int] = {}
    for check in checks:
        if check.examined and check.of:
            most[check.of] = max(most.get(check.of, 0), check.examined)
    if most:
        return listed([f"{number:,} {noun}" for noun, number in sorted(most.items(), key=lambda item: -item[1])], 8)
    return ""


def listed(items: Sequence[str], most: int) -> str:
    """a, b, c and 4 more."""
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most:,} more"


def reached(source: Source) -> str:
    """How a source was reached and how it went: service proxy monitoring/prometheus:web, 0.4 s.

    The URL of a service proxy says nothing that the Service's name does not.
    """
    url = "" if source.via and source.via.startswith("service proxy") else source.url or ""
    parts = [source.reason or "", source.via or "", url, f"{source.duration_s:.1f} s"]
    return ", ".join(part for part in parts if part)
