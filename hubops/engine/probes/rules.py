"""rule-group-failing and alert-without-runbook: what Prometheus says of its rules."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.engine.probe import probe
from hubops.engine.probes import evidence
from hubops.engine.view import View
from hubops.model.alerting import Rule, RuleGroup
from hubops.model.finding import Evidence, Hit, Ref

_FAILURES = "promql:sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[30m]))"
#: Seconds. A group that is evaluated less often than this fails too rarely to be counted over half an hour.
_OFTEN = 600.0


@probe(needs=("rules",), uses=(_FAILURES,))
def rule_group_failing(view: View, *, failures: int) -> Iterator[Hit]:
    """Groups with a rule that could not be evaluated the last time, or *failures* times in the last 30 minutes.

    Left out, where Prometheus' own metrics tell: a single failure.
    """
    counted = _counted(view)
    for group in view.snapshot.rules:
        failed = counted.get(f"{group.file};{group.name}")
        broken = [rule for rule in group.rules if rule.health == "err"]
        once = failed is not None and failed < 2 and group.interval <= _OFTEN
        if broken and not once:
            yield from (_broken(group, rule) for rule in broken)
        elif not broken and failed is not None and failed >= failures:
            yield _now_and_then(group, failed)


def _counted(view: View) -> dict[str, float]:
    """Failed evaluations of the last 30 minutes by file and group; empty where Prometheus does not scrape itself."""
    return {sample.labels.get("rule_group", ""): sample.number for sample in view.answer(_FAILURES)}


def _broken(group: RuleGroup, rule: Rule) -> Hit:
    said = rule.last_error or "without a reason"
    return Hit(
        ref=Ref("RuleGroup", group.name),
        summary=evidence.bounded(f"cannot be evaluated: {said}", 300),
        evidence=(evidence.fact(f"{rule.type} rule {rule.name}: {said}", group.last_evaluation), _place(group)),
        details={"reason": evidence.bounded(said, 120)},
        example=rule.name,
    )


def _now_and_then(group: RuleGroup, failed: float) -> Hit:
    return Hit(
        ref=Ref("RuleGroup", group.name),
        summary=f"{failed:.0f} evaluations failed in the last 30 minutes, though not the last one",
        evidence=(_place(group),),
        details={"reason": "not the last time"},
    )


def _place(group: RuleGroup) -> Evidence:
    return evidence.fact(f"file {group.file}, every {group.interval:g} s, {evidence.counted(len(group.rules), 'rule')}")


@probe(needs=("rules",))
def alert_without_runbook(view: View, *, annotation: str) -> Iterator[Hit]:
    """Alerts of severity critical or warning whose rule has no *annotation*. One finding for each group of rules."""
    for group in view.snapshot.rules:
        for rule in group.rules:
            acted_on = rule.type == "alerting" and rule.severity in {"critical", "warning"}
            if acted_on and annotation not in rule.annotations:
                yield Hit(
                    ref=Ref("RuleGroup", group.name),
                    summary=f"no {annotation}: whoever is told of these alerts has to find out what to do",
                    evidence=(evidence.fact(f"alert {rule.name}, severity {rule.severity}: {_has(rule)}"),),
                    details={"alertname": rule.name},
                    example=rule.name,
                )


def _has(rule: Rule) -> str:
    return f"annotations {', '.join(rule.annotations)}" if rule.annotations else "no annotations"
