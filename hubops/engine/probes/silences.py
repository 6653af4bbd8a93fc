"""silence-matches-everything, silence-hides-critical and silence-never-ends: what silences take from sight."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence
from hubops.engine.probes.alerts import dependencies, shown
from hubops.engine.probes.alerts_matching import any_alert, matches
from hubops.engine.view import View
from hubops.model.alerting import Silence
from hubops.model.check import Severity
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.quantity import human_duration
from hubops.model.snapshot import Alert

#: The severities of alerts that people act on (the convention of kubernetes-mixin), and what hiding all of them is.
_ALL_OF: tuple[Severity, ...] = ("critical", "warning")


@probe(needs=("silences",), uses=("alerts",))
def silence_matches_everything(view: View) -> Iterator[Hit]:
    """Active silences that would hide any critical alert, or any warning, whatever it is about."""
    unknown = {each: any_alert(view, each) for each in _ALL_OF}
    for silence in _active(view):
        hides = [each for each, labels in unknown.items() if matches(silence.matchers, labels)]
        if hides:
            said = " and ".join(hides)
            yield _hit(view, silence, f"hides every {said} alert until {_ends(silence)}", severity=hides[0])


@probe(needs=("silences", "alerts"), uses=("pods", "services", "nodes"))
def silence_hides_critical(view: View, *, severity: str, fresh: timedelta) -> Iterator[Hit]:
    """Active silences that hide a firing alert of this *severity*; only info while they are younger than *fresh*."""
    for silence in _active(view):
        alerts = [alert for alert in view.snapshot.alerts
                  if silence.id in alert.silenced_by and alert.labels.get("severity") == severity]  # fmt: skip
        if not alerts:
            continue
        names = ", ".join(dict.fromkeys(alert.name for alert in alerts))
        times = f" {len(alerts)} times" if len(alerts) > 1 else ""
        young = view.now - silence.starts_at < fresh
        words = f"hides {names}, which fires{times}, until {_ends(silence)}"
        yield _hit(view, silence, words, *alerts, severity="info" if young else None)


@probe(needs=("silences",))
def silence_never_ends(view: View, *, longest: timedelta) -> Iterator[Hit]:
    """Silences that end later than *longest* from now: what they hide is forgotten by then."""
    for silence in view.snapshot.silences:
        left = silence.ends_at - view.now
        if left > longest:
            yield _hit(view, silence, f"ends in {human_duration(left)}, on {silence.ends_at:%Y-%m-%d}")


def _active(view: View) -> Iterator[Silence]:
    return (silence for silence in view.snapshot.silences if silence.state == "active")


def _ends(silence: Silence) -> str:
    return f"{silence.ends_at:%Y-%m-%d %H:%M}Z"


def _hit(view: View, silence: Silence, words: str, *alerts: Alert, severity: Severity | None = None) -> Hit:
    by, why = silence.created_by or "nobody", silence.comment or "no comment"
    return Hit(
        ref=Ref("Silence", silence.id),
        summary=evidence.bounded(f"{words}; by {by}: {why}", 300),
        evidence=tuple(_evidence(silence, alerts)),
        since=silence.starts_at,
        severity=severity,
        depends_on=tuple(dict.fromkeys(ref for alert in alerts for ref in dependencies(view, alert))),
        details={"alertname": alerts[0].name} if alerts else {},
    )


def _evidence(silence: Silence, alerts: tuple[Alert, ...]) -> Iterator[Evidence]:
    matchers = ", ".join(map(str, silence.matchers))
    yield evidence.fact(f"{{{matchers}}} by {silence.created_by or 'nobody'}: {silence.comment or 'no comment'}")
    yield from (shown(alert) for alert in alerts[:4])
