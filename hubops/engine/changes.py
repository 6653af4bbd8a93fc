"""What is different from the round before: findings that came, went or changed, and checks that lost their sight.

A finding is gone only when its check looked and did not find it. What could not be looked at is neither gone nor new
when it is seen again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from hubops.engine.rollup import fingerprint
from hubops.model.change import Change, What
from hubops.model.check import Severity
from hubops.model.finding import Ref
from hubops.model.report import Report


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as it was last seen; `cause` is what explained it, `hidden` whether its check could not look since."""

    check: str
    ref: Ref
    severity: Severity
    summary: str
    affected: int
    cause: str = ""
    hidden: bool = False


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What is known from the rounds so far: findings by fingerprint, and why which checks could not look."""

    seen: Mapping[str, Seen] = {}
    blind: Mapping[str, str] = {}


def compare(before: Memory | None, report: Report) -> tuple[tuple[Change, ...], Memory]:
    """The changes since *before*, and what is to be compared next; nothing has changed in the first round."""
    now = dict(_findings(report))
    blind = {check.id: check.reason or "" for check in report.checks if check.status == "unknown"}
    if before is None:
        return (), Memory(seen=now, blind=blind)
    looked = {check.id for check in report.checks if check.status in ("fired", "passed")}
    carried = {
        key: msgspec.structs.replace(old, hidden=True)
        for key, old in before.seen.items()
        if key not in now and old.check not in looked
    }
    found = [
        *_sight(before.blind, blind, report.taken_at),
        *_differences(before.seen, now, report),
        *(_gone(old, report) for key, old in before.seen.items() if key not in now and key not in carried),
    ]
    return tuple(found), Memory(seen={**carried, **now}, blind=blind)


def _findings(report: Report) -> Iterator[tuple[str, Seen]]:
    """All that was found by its fingerprint, what is explained by something else before what stands by itself."""
    for finding in report.findings:
        for symptom in finding.symptoms:
            yield fingerprint(symptom.check, report.cluster, symptom.ref), Seen(
                check=symptom.check, ref=symptom.ref, severity=symptom.severity, summary=symptom.summary,
                affected=symptom.affected, cause=f"{finding.check} on {finding.ref}",
            )  # fmt: skip
    for finding in report.findings:
        yield fingerprint(finding.check, report.cluster, finding.ref), Seen(
            check=finding.check, ref=finding.ref, severity=finding.severity, summary=finding.summary,
            affected=finding.affected,
        )  # fmt: skip


def _differences(before: Mapping[str, Seen], now: Mapping[str, Seen], report: Report) -> Iterator[Change]:
    for key, seen in now.items():
        old = before.get(key)
        if old is None:
            follows = f"; it follows from {seen.cause}" if seen.cause else ""
            yield _about(seen, "new", f"{seen.summary}{follows}", report)
        elif said := ", ".join(_changed(old, seen)):
            yield _about(seen, "changed", said, report)


def _changed(old: Seen, new: Seen) -> Iterator[str]:
    """What is worth telling: a summary alone changes with every count in it."""
    if old.severity != new.severity:
        yield f"{new.severity} instead of {old.severity}"
    if old.affected != new.affected:
        yield f"{new.affected:,} affected instead of {old.affected:,}"
    if old.cause != new.cause:
        yield f"follows from {new.cause}" if new.cause else f"no longer follows from {old.cause}"
    if old.hidden:
        yield "is still there, now that it can be looked at again"


def _gone(old: Seen, report: Report) -> Change:
    if any(item.check == old.check and item.ref == old.ref for item in report.ignored):
        return _about(old, "gone", "is ignored on request", report)
    weaker = ", or less severe than is shown" if report.filter and report.filter.severity else ""
    return _about(old, "gone", f"no longer there{weaker}: {old.summary}", report)


def _about(seen: Seen, what: What, text: str, report: Report) -> Change:
    return Change(
        at=report.taken_at, what=what, checks=(seen.check,), text=text, severity=seen.severity, ref=seen.ref
    )  # fmt: skip


def _sight(before: Mapping[str, str], now: Mapping[str, str], at: datetime) -> Iterator[Change]:
    """The checks that can no longer look, by their reason, and those that can again."""
    lost: dict[str, list[str]] = defaultdict(list)
    for check in sorted(now.keys() - before.keys()):
        lost[now[check]].append(check)
    for reason, checks in lost.items():
        yield Change(at=at, what="blind", checks=tuple(checks), text=f"cannot look: {reason}")
    if again := tuple(sorted(before.keys() - now.keys())):
        yield Change(at=at, what="sees", checks=again, text="can look again")
