"""Runs as backups and drills leave them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hubops.model.backup import Action, Kind, Promised, Run

NOON = datetime(2026, 7, 15, 12, tzinfo=UTC)
PROMISED = Promised(rpo_s=6 * 3600, rto_s=3600, proven_every_s=30 * 86400)


def run(kind: Kind = "etcd", action: Action = "backup", *, ago: timedelta = timedelta(0), **fields: Any) -> Run:
    """A run of one minute that began *ago* before NOON."""
    began = NOON - ago
    given: dict[str, Any] = {
        "id": f"{action}-{kind}-{began:%Y%m%dT%H%M%SZ}", "kind": kind, "action": action,
        "started_at": began, "finished_at": began + timedelta(minutes=1), "outcome": "succeeded",
        "host": "cp-1", "hubops_version": "1.0.0", "promised": PROMISED,
    }  # fmt: skip
    return Run(**(given | fields))
