"""The report of a round: what `--output json` prints and every other format renders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set

from hubops.engine.catalog import Problem
from hubops.engine.decision import listed
from hubops.engine.findings import count, ordered
from hubops.engine.runner import Outcome
from hubops.errors import Exit
from hubops.model.report import CheckResult, Counts, Filter, Report, Verdict
from hubops.model.snapshot import Snapshot

#: Worst first, as the exit codes are: 3 means that nothing worse was found.
_VERDICTS: tuple[Verdict, ...] = ("critical", "warning", "unknown")
_CODES = {"critical": Exit.CRITICAL, "warning": Exit.WARNING, "unknown": Exit.UNKNOWN}


def build(
    round_name: str,
    snapshot: Snapshot,
    outcome: Outcome,
    *,
    duration_s: float,
    problems: Iterable[Problem] = (),
    narrowed: Filter | None = None,
) -> Report:
    """The report of *outcome*. A check whose file cannot be used stands in it as unknown, with the reason.

    *narrowed* says what *outcome* was narrowed to, see `filters.narrow`.
    """
    results = (*outcome.results, *_broken(problems, {result.id for result in outcome.results}))
    findings = ordered(outcome.findings)
    counts = count(findings, unknown=sum(result.status == "unknown" for result in results))
    return Report(
        round=round_name,
        cluster=snapshot.cluster,
        taken_at=snapshot.taken_at,
        duration_s=duration_s,
        verdict=verdict(counts),
        counts=counts,
        checks=tuple(sorted(results, key=lambda result: result.id)),
        findings=findings,
        sources=snapshot.sources,
        ignored=outcome.ignored,
        filter=narrowed,
    )


def _broken(problems: Iterable[Problem], known: Set[str]) -> list[CheckResult]:
    """An unknown result for each check of *problems* that has none yet."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for problem in problems:
        if problem.check not in known:
            reasons[problem.check].append(problem.message)
    return [CheckResult(id=name, status="unknown", reason=listed(texts)) for name, texts in reasons.items()]


def verdict(counts: Counts) -> Verdict:
    """The worst that was found; "ok" only when all could be checked. Info findings leave a round ok."""
    for name in _VERDICTS:
        if getattr(counts, name):
            return name
    return "ok"


def exit_code(report: Report, fail_on: str) -> Exit:
    """The exit code of the public contract: OK when the verdict is below *fail_on*, a verdict or "never"."""
    levels: Sequence[str] = _VERDICTS
    failing = () if fail_on == "never" else levels[: levels.index(fail_on) + 1]
    return _CODES[report.verdict] if report.verdict in failing else Exit.OK
