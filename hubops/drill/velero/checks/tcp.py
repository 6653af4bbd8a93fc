"""A port that takes connections."""

from __future__ import annotations

from hubops.config.backup import DrillCheck
from hubops.drill.velero.checks import place

_PATIENCE = 10.0  # seconds of one attempt


def tried(where: place.Place, check: DrillCheck, timeout: float) -> str:
    """What came of one attempt. Raises NotPassed, and what the client raises."""
    pod, port = place.port(where, check.tcp or "")
    where.cluster.listens(where.namespace, pod, port, timeout=min(timeout, _PATIENCE))
    return f"pod {pod} takes connections on port {port}"
