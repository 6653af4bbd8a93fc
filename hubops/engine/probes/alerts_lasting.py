"""warning-alert-firing: warnings that fire for so long that nobody can have acted on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence
from hubops.engine.probes.alerts import about, dependencies, said_of, shown
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref
from hubops.model.quantity import human_duration
from hubops.model.snapshot import Alert


@probe(needs=("alerts",), uses=("pods", "services", "nodes"))
def warning_alert_firing(view: View, *, severity: str, after: timedelta) -> Iterator[Hit]:
    """Alerts of this *severity* that have been active for *after*: neither silenced nor inhibited.

    Alerts of one name and namespace are one finding, however many objects they are about.
    """
    for alert in view.snapshot.alerts:
        lasts = view.now - alert.starts_at
        if alert.labels.get("severity") == severity and alert.state == "active" and lasts >= after:
            yield _hit(view, alert, lasts)


def _hit(view: View, alert: Alert, lasts: timedelta) -> Hit:
    ref, of = Ref("Alert", alert.name, alert.labels.get("namespace")), view.owner_of(about(view, alert))
    said = said_of(alert)
    return Hit(
        ref=ref,
        summary=evidence.bounded(f"fires for {human_duration(lasts)}" + (f": {said}" if said else ""), 300),
        evidence=(shown(alert),),
        since=alert.starts_at,
        depends_on=tuple(dict.fromkeys(item for item in (of, *dependencies(view, alert)) if item != ref)),
        details={"alertname": alert.name},
        # Series of one object, by container or device, are as many alerts.
        example=None if of.kind == "Alert" else str(about(view, alert)),
    )
