"""The round itself: a snapshot and the checks in, results and findings out. Pure: no I/O, no clock, no chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from hubops.config import Config
from hubops.engine import decide_cel, decide_probe, decide_query
from hubops.engine.decision import Decision, listed
from hubops.engine.findings import conclude
from hubops.engine.ignores import IGNORE_EXPIRED, expired_ignores
from hubops.engine.needs import NOT_READ, enabled, missing, required
from hubops.engine.parameters import ParameterSet, parameter_sets
from hubops.engine.probe import Probe
from hubops.engine.probes import PROBES
from hubops.engine.resources import evidence_of
from hubops.engine.rollup import Group, group
from hubops.engine.view import View
from hubops.model.check import Check
from hubops.model.finding import Finding, Hit
from hubops.model.report import CheckResult, Ignored
from hubops.model.snapshot import SWITCHED_OFF, Snapshot, not_installed

#: How the origin of a check begins that hubops ships.
SHIPPED = "hubops/checks/"
#: Evidence whose name does not say what it counts.
_IN_WORDS = {"journal": "recorded runs"}


@dataclass(frozen=True)
class Outcome:
    """What a round came to: one result per check, the findings, and what was ignored."""

    results: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...]


def run(snapshot: Snapshot, checks: Sequence[Check], config: Config, probes: Mapping[str, Probe] = PROBES) -> Outcome:
    """Decide *checks* on *snapshot*.

    A check that is disabled is skipped, and says so. One whose evidence is missing, or of which a part could not be
    decided, is unknown with the reason; what it could decide is reported all the same.
    """
    view = View(snapshot)
    results: list[CheckResult] = []
    groups: list[Group] = []
    for check in checks:
        settings = config.checks.get(check.id)
        result, hits = _check(view, check, config, probes)
        results.append(result)
        groups.extend(group(view, check, settings.severity if settings else None, hits))
    findings, ignored = conclude(view, groups, config)
    shown = {item.check for item in findings} | {symptom.check for item in findings for symptom in item.symptoms}
    return Outcome(tuple(_with_ignored(result, shown) for result in results), findings, ignored)


def _check(
    view: View, check: Check, config: Config, probes: Mapping[str, Probe]
) -> tuple[CheckResult, tuple[Hit, ...]]:
    if not enabled(check, config):
        where = "hubops.yaml" if check.enabled else "its own file"
        return CheckResult(id=check.id, status="skipped", reason=f"disabled in {where}"), ()
    sets = parameter_sets(check, config.checks.get(check.id))
    lacking = missing(required(check, sets, probes), view.snapshot)
    if lacking and all(reason.startswith(SWITCHED_OFF) or not_installed(name, reason) for name, reason in lacking):
        return CheckResult(id=check.id, status="skipped", reason=listed([reason for _, reason in lacking])), ()
    # A query that was answered in part says what fires, though not that nothing else does.
    partial = bool(check.promql or check.logql)
    decision = _decide(view, check, config, sets, probes) if partial or not lacking else Decision()
    problems = [*(_reason(check, name, reason) for name, reason in lacking), *decision.problems]
    if decision.absent and not problems and not decision.hits:
        return CheckResult(id=check.id, status="skipped", reason=listed(decision.absent)), ()
    problems.extend(decision.absent if problems else ())
    result = CheckResult(
        id=check.id,
        status="unknown" if problems else "fired" if decision.hits else "passed",
        reason=listed(problems) if problems else None,
        examined=decision.examined,
        of=_looked_at(check, probes),
    )
    return result, decision.hits


def _decide(
    view: View, check: Check, config: Config, sets: Sequence[ParameterSet], probes: Mapping[str, Probe]
) -> Decision:
    if check.id == IGNORE_EXPIRED.id:
        return expired_ignores(config.ignores, view.now.date())
    if check.probe:
        return decide_probe.decide(view, check, probes[check.probe], sets)
    return decide_cel.decide(view, check, sets) if check.cel else decide_query.decide(view, check, sets)


def _reason(check: Check, evidence: str, reason: str) -> str:
    """Why *evidence* is missing; for a query of a site's own, with the file that it may have to be mended in."""
    if evidence.startswith(("promql:", "logql:")):
        return reason if check.origin.startswith(SHIPPED) else f"{check.origin}: {check.decides_by}: {reason}"
    return reason if reason.startswith(NOT_READ) else f"{evidence}: {reason}"


def _looked_at(check: Check, probes: Mapping[str, Probe]) -> str:
    """What the check examines, in the plural."""
    if check.probe:
        evidence = probes[check.probe].examines.removeprefix("raw:").partition(":")[0]
        return _IN_WORDS.get(evidence, evidence)
    if check.cel:
        return (evidence_of(check.kind or "") or "objects").removeprefix("raw:")
    return "ignores" if check.id == IGNORE_EXPIRED.id else "series"


def _with_ignored(result: CheckResult, shown: set[str]) -> CheckResult:
    if result.status != "fired" or result.id in shown:
        return result
    return msgspec.structs.replace(result, reason="all that it found is ignored")
