"""Velero reaches the place where backups go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hubops.bootstrap.gate import Installed, Verdict, passed, waiting
from hubops.model.text import inert

#: Velero looks once a minute (storeValidationFrequency); older than this, it does not look at all.
_FRESH = timedelta(minutes=5)


def backup_location_available(at: Installed) -> Verdict:
    """Every location of the namespace was reached lately."""
    cluster, namespace = at.target.cluster, at.rendered.component.namespace or ""
    found = cluster.find("velero.io/v1", "BackupStorageLocation", namespace)
    if not found:
        return waiting(f"there is no BackupStorageLocation in {namespace} yet")
    now = datetime.now(UTC) + cluster.clock_offset()
    for each in found:
        name, status = f"{namespace}/{each['metadata']['name']}", each.get("status") or {}
        if status.get("phase") != "Available":
            words = inert(status.get("message") or "Velero has not looked at it yet", limit=300)
            return waiting(f"BackupStorageLocation {name} is {status.get('phase') or 'not known to be there'}: {words}")
        looked = status.get("lastValidationTime")
        if not looked or now - datetime.fromisoformat(looked) > _FRESH:
            return waiting(f"BackupStorageLocation {name} was available at {looked}; Velero has not looked since")
    return passed(f"available and looked at lately: {', '.join(sorted(each['metadata']['name'] for each in found))}")
