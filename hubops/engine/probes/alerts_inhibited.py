"""critical-alert-inhibited and inhibit-rule-too-wide: critical alerts that an alert hides which wakes nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from hubops.engine.probe import probe
from hubops.engine.probes import evidence
from hubops.engine.probes.alerts import about, dependencies, said_of, shown
from hubops.engine.probes.alerts_matching import any_alert, common, matches
from hubops.engine.view import View
from hubops.model.alerting import InhibitRule
from hubops.model.finding import Hit, Ref
from hubops.model.snapshot import Alert


@probe(needs=("alerts",), uses=("alertmanager-status", "pods", "services", "nodes"))
def critical_alert_inhibited(view: View, *, severity: str) -> Iterator[Hit]:
    """Alerts of this *severity* that are inhibited, though nobody is told of what inhibits them.

    Left out: what an alert of the same *severity* inhibits that reaches people; that one stands for both. Silenced
    alerts are another matter.
    """
    held = {alert.fingerprint: alert for alert in view.snapshot.alerts}
    for alert in view.snapshot.alerts:
        wanted = alert.labels.get("severity") == severity and alert.inhibited_by and not alert.silenced_by
        if not wanted or any(_told(held, source, severity, frozenset()) for source in alert.inhibited_by):
            continue
        sources = [held[name] for name in alert.inhibited_by if name in held]
        yield _hit(view, alert, sources)


def _told(held: Mapping[str, Alert], fingerprint: str, severity: str, seen: frozenset[str]) -> bool:
    """Whether people hear of that alert as of one of *severity*, itself or by what inhibits it in turn."""
    alert = held.get(fingerprint)
    if alert is None or fingerprint in seen or alert.labels.get("severity") != severity or alert.silenced_by:
        return False
    if not alert.inhibited_by:
        return alert.state == "active"
    return any(_told(held, source, severity, seen | {fingerprint}) for source in alert.inhibited_by)


def _hit(view: View, alert: Alert, sources: list[Alert]) -> Hit:
    ref = view.owner_of(about(view, alert))
    names = ", ".join(dict.fromkeys(map(_called, sources))) or "an alert that is gone"
    said = said_of(alert)
    return Hit(
        ref=ref,
        summary=evidence.bounded(
            f"{alert.name} fires and {names} hides it: nobody is told" + (f": {said}" if said else ""), 300
        ),
        evidence=(shown(alert), *(shown(source) for source in sources[:3])),
        since=alert.starts_at,
        depends_on=(*_rules(view, alert, sources), *(item for item in dependencies(view, alert) if item != ref)),
        details={"alertname": alert.name},
    )


def _called(alert: Alert) -> str:
    """An alert by name, with the reason why it wakes nobody."""
    why = "silenced" if alert.silenced_by else f"severity {alert.labels.get('severity') or 'not set'}"
    return f"{alert.name} ({why})"


def _rules(view: View, alert: Alert, sources: list[Alert]) -> Iterator[Ref]:
    """The inhibit rules by which one of *sources* hides *alert*: those that are too wide explain it."""
    for number, rule in _numbered(view):
        if matches(rule.target, alert.labels) and any(matches(rule.source, each.labels) for each in sources):
            yield _reference(number)


@probe(needs=("alertmanager-status", "alerts"))
def inhibit_rule_too_wide(view: View, *, severity: str) -> Iterator[Hit]:
    """Inhibit rules by which an alert that fires now would hide any alert of this *severity*, and wakes nobody itself.

    Such a source is of another severity, as Watchdog is that always fires, or it is silenced.
    """
    alerts, target = view.snapshot.alerts, any_alert(view, severity)
    sleeping = [alert for alert in alerts if alert.labels.get("severity") != severity or alert.silenced_by]
    # By these labels any two alerts are equal: all have them with one value, or none has them at all.
    differing = {name for alert in alerts for name in alert.labels} - common(view).keys()
    for number, rule in _numbered(view):
        sources = [alert for alert in sleeping if _hides(rule, alert, target, differing)]
        if sources:
            yield _too_wide(number, rule, sources, severity)


def _numbered(view: View) -> list[tuple[int, InhibitRule]]:
    status = view.snapshot.alertmanager
    return list(enumerate(status.inhibit_rules if status else (), start=1))


def _reference(number: int) -> Ref:
    """Inhibit rules have no names: the place in the configuration has to do."""
    return Ref("InhibitRule", f"rule-{number}")


def _hides(rule: InhibitRule, source: Alert, target: Mapping[str, str], differing: Set[str]) -> bool:
    """Whether *source* hides *target* by *rule*, of which only the labels in *differing* may set it apart.

    As Alertmanager: a label that neither of the two has is equal, and an alert that matches both sides of a rule is
    not hidden by one that does so too.
    """
    if not matches(rule.source, source.labels) or not matches(rule.target, target):
        return False
    if matches(rule.source, target) and matches(rule.target, source.labels):
        return False
    return differing.isdisjoint(rule.equal)


def _too_wide(number: int, rule: InhibitRule, sources: list[Alert], severity: str) -> Hit:
    names = ", ".join(dict.fromkeys(map(_called, sources)))
    source, target = (", ".join(map(str, side)) or "any alert" for side in (rule.source, rule.target))
    return Hit(
        ref=_reference(number),
        summary=evidence.bounded(f"while {names} fires, every {severity} alert is hidden: nobody would be told", 300),
        evidence=(
            evidence.fact(f"source: {source}; target: {target}; equal: {', '.join(rule.equal) or 'nothing'}"),
            *(shown(alert) for alert in sources[:2]),
        ),
        since=min(alert.starts_at for alert in sources),
        details={"alertname": sources[0].name},
    )
