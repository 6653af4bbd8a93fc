"""What Alertmanager holds: evidence "alerts"."""

from __future__ import annotations

from hubops.clients.alertmanager import Alertmanager
from hubops.collect.part import Part, Progress

EVIDENCE = "alerts"


def read_alerts(alertmanager: Alertmanager, *, progress: Progress) -> Part:
    """All alerts in every state. Raises SourceError where they cannot be read."""
    alerts = alertmanager.alerts()
    progress("alertmanager", 1, 1)
    return Part(alerts=alerts, read=(EVIDENCE,))
