"""What a run over claims is recorded as."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from hubops import __version__
from hubops.config.backup import VolumeBackupConfig
from hubops.journal.promises import promised
from hubops.model.backup import Action, Outcome, Run, VolumeSnapshotRecord


def recorded(
    action: Action,
    started: datetime,
    settings: VolumeBackupConfig,
    outcome: Outcome,
    reason: str | None,
    *,
    records: Iterable[VolumeSnapshotRecord],
) -> Run:
    """A run of volumes that ends now."""
    return Run(
        id=run_id(action, started),
        kind="volumes",
        action=action,
        started_at=started,
        finished_at=max(datetime.now(UTC), started),
        outcome=outcome,
        reason=reason,
        host=socket.gethostname(),
        hubops_version=__version__,
        promised=promised(settings.objectives),
        volumes=tuple(records),
    )


def run_id(action: Action, started: datetime) -> str:
    """Named for its beginning; the microseconds tell it from another one of the same second."""
    return f"{action}-volumes-{started.strftime('%Y%m%dT%H%M%SZ')}-{started.microsecond:06d}"


def outcome_of(
    records: Sequence[VolumeSnapshotRecord], problems: Sequence[str], litter: Sequence[str]
) -> tuple[Outcome, str | None]:
    failed = [each for each in records if each.error]
    ready = any(each.ready for each in records)
    said = list(problems)
    if failed:
        first = failed[0]
        asked = sum(not each.skipped for each in records)
        said.append(
            f"{len(failed)} of {asked} claims have no new snapshot; {first.namespace}/{first.claim}: {first.error}"
        )
    elif litter and not said:
        more = f", and {len(litter) - 1} more" if litter[1:] else ""
        said.append(f"every snapshot is ready, but {litter[0]}{more}")
    if not said:
        return "succeeded", None
    partial_only = ready or (litter and not problems and not failed)
    return "partial" if partial_only else "failed", "; ".join(said)
