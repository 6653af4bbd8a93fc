"""What a backup by Velero is recorded as."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

from hubops import __version__
from hubops.config.backup import VeleroBackupConfig
from hubops.journal.promises import promised
from hubops.model.backup import Action, Outcome, Run, VeleroBackupRecord


def recorded(
    action: Action,
    name: str,
    started: datetime,
    settings: VeleroBackupConfig,
    outcome: Outcome,
    reason: str | None,
    backup: VeleroBackupRecord | None,
) -> Run:
    """A run that ends now."""
    return Run(
        id=name,
        kind="velero",
        action=action,
        started_at=started,
        finished_at=max(datetime.now(UTC), started),
        outcome=outcome,
        reason=reason,
        host=socket.gethostname(),
        hubops_version=__version__,
        promised=promised(settings.objectives),
        velero=backup,
    )


def run_id(action: Action, started: datetime) -> str:
    """Named for its beginning; the microseconds tell it from another one of the same second."""
    return f"{action}-velero-{started.strftime('%Y%m%dT%H%M%SZ')}-{started.microsecond:06d}"
