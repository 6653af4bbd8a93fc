"""What goes when a Backup of Velero is deleted, and which one is not to go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from hubops.model.backup import Run
from hubops.model.velero import Backup, BackupSpec, Restore


def kept_for(backup: Backup, every: Sequence[Backup], runs: Iterable[Run]) -> str:
    """Why *backup* is not to be deleted unless somebody really means it; empty for any other.

    *every* are all Backups, newest first; *runs* all of the journal, newest first.
    """
    good = [each for each in every if each.phase == "Completed" and _is_alike(each, backup)]
    known = [run for run in runs if run.kind == "velero"]
    judged = {run.velero.uid: run.outcome for run in reversed(known) if run.velero and run.action == "backup"}
    newest = next((each for each in good if judged.get(each.metadata.uid, "succeeded") == "succeeded"), None)
    if newest and newest.metadata.uid == backup.metadata.uid:
        of = f"Schedule {backup.schedule}" if backup.schedule else "what it is of"
        return f"{backup.name} is the newest good backup of {of}"
    if (proven := _newest_proven(known)) and proven in (backup.metadata.uid, backup.name):
        return f"{backup.name} is the newest backup that a drill has restored without a difference"
    return ""


def _is_alike(one: Backup, other: Backup) -> bool:
    """Whether both were to hold the same: a newer one of less takes nobody's place."""
    if one.schedule or other.schedule:
        return one.schedule == other.schedule
    return _scope(one.spec) == _scope(other.spec)


def _scope(spec: BackupSpec) -> BackupSpec:
    return msgspec.structs.replace(spec, ttl="", storage_location="")


def _newest_proven(runs: Iterable[Run]) -> str:
    """The uid of the Backup that the newest drill which succeeded has restored, or its name; empty for none."""
    for run in runs:
        if run.action == "drill" and run.outcome == "succeeded":
            if run.velero:
                return run.velero.uid
            if run.proof:
                return run.proof.copy
    return ""


def what_goes(backup: Backup, restores: Iterable[Restore], volumes: int | None) -> list[str]:
    """What Velero removes with *backup*, in words."""
    location = backup.spec.storage_location or "its location"
    lines = [f"Backup {backup.name}, and its files in BackupStorageLocation {location}"]
    if volumes:
        lines.append(f"the snapshots or copies of {volumes} volumes that it holds")
    elif volumes is None:
        lines.append("the snapshots and copies of volumes that it holds, if any: its list of them cannot be read")
    names = sorted(each.name for each in restores if each.spec.backup_name == backup.name)
    if names:
        lines.append(
            f"the records of {len(names)} restores from it: {', '.join(names[:5])}" + (" …" if names[5:] else "")
        )
    return lines
