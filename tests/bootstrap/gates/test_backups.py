"""Velero's proof: its locations, as its server leaves them."""

from __future__ import annotations

import datetime as dt

from hubops.bootstrap.gates.backups import backup_location_available
from tests.bootstrap.gates.conftest import Component, Store, expect
from tests.bootstrap.gates.webhooks import Manifest
from tests.testbed.api import now


def location(name: str, **status: str) -> Manifest:
    spec = {"provider": "aws", "objectStorage": {"bucket": "backups"}}
    metadata = {"namespace": "velero", "name": name}
    return {"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation", "metadata": metadata, "spec": spec,
            "status": status}  # fmt: skip


def test_every_location_was_reached_lately(component: Component, store: Store) -> None:
    at = component("velero")
    expect(backup_location_available, at, "waiting", "there is no BackupStorageLocation in velero yet")
    store(location("default"))
    expect(backup_location_available, at, "waiting", "velero/default", "Velero has not looked at it yet")
    store(location("default", phase="Available", lastValidationTime=now()))
    expect(backup_location_available, at, "passed", "available and looked at lately: default")
    store(location("other", phase="Unavailable", lastValidationTime=now(), message="AccessDenied: s3:ListBucket"))
    expect(backup_location_available, at, "waiting", "velero/other is Unavailable: AccessDenied: s3:ListBucket")
    long_ago = now(dt.timedelta(minutes=20))
    store(location("other", phase="Available", lastValidationTime=long_ago, message=""))
    expect(backup_location_available, at, "waiting", f"was available at {long_ago}; Velero has not looked since")
