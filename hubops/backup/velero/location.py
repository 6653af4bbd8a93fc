"""Where a Backup would go, and whether anything can go there now."""

from __future__ import annotations

from hubops.clients.velero import VeleroClient
from hubops.errors import Permanent
from hubops.model.velero import Location

#: What Velero takes where no location is marked as the default one (`--default-backup-storage-location`).
_UNMARKED = "default"


def usable(velero: VeleroClient, named: str | None) -> Location:
    """The BackupStorageLocation *named*, or the default one. Raises Permanent where no backup can be stored there."""
    every = {each.name: each for each in velero.locations()}
    name = named or next((each.name for each in every.values() if each.spec.default), _UNMARKED)
    found = every.get(name)
    if found is None:
        there = ", ".join(sorted(every)) or "none"
        raise Permanent(f"there is no BackupStorageLocation {name} in namespace {velero.namespace}; there: {there}")
    if found.read_only:
        raise Permanent(f"BackupStorageLocation {name} is read-only: nothing can be backed up to it")
    if not found.available:
        said = found.status.message or "Velero has not looked at it; does its server run?"
        raise Permanent(f"BackupStorageLocation {name} is {found.status.phase or 'not known to be available'}: {said}")
    return found
