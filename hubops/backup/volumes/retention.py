"""Which snapshots of claims may go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from hubops.backup.retention import dropped
from hubops.backup.volumes import snapshots
from hubops.backup.volumes.snapshots import Snapshot
from hubops.clients.kube.writer import KubeWriter
from hubops.config.backup import VolumeBackupConfig
from hubops.model.backup import Run, VolumeSnapshotRecord


def droppable(
    cluster: KubeWriter, settings: VolumeBackupConfig, runs: Iterable[Run], *, now: datetime
) -> list[Snapshot]:
    """The snapshots of hubops that its policy no longer keeps, claim by claim, oldest first.

    Only ready ones, and never the newest of a claim, one that a drill is restoring, or one that the newest proof of a
    claim rests on; none of a claim whose newest restore brought back something wrong. Of a claim that is gone those
    that the policy keeps stay for good: they are all that is left of it.
    """
    runs = tuple(runs)
    never, doubts = proven(runs) | snapshots.in_drills(cluster), doubted(runs)
    by_claim: dict[tuple[str, str], list[Snapshot]] = defaultdict(list)
    for each in snapshots.own(cluster):
        if each.ready and not each.leaving and each.of not in doubts:
            by_claim[each.of].append(each)
    return [one for members in by_claim.values() for one in dropped(members, settings.keep, now=now, never=never)]


def proven(runs: Iterable[Run]) -> set[str]:
    """The ids of the snapshots that the newest proof of each claim rests on; *runs* are newest first."""
    newest: dict[tuple[str, str], str] = {}
    for each in _restored(runs):
        if not each.error:
            newest.setdefault((each.namespace, each.claim), f"{each.namespace}/{each.snapshot}")
    return set(newest.values())


def doubted(runs: Iterable[Run]) -> set[tuple[str, str]]:
    """The claims whose newest restore brought back something wrong: an older snapshot may be the last good one."""
    newest: dict[tuple[str, str], bool] = {}
    for each in _restored(runs):
        newest.setdefault((each.namespace, each.claim), bool(each.proof and each.proof.differences))
    return {claim for claim, wrong in newest.items() if wrong}


def _restored(runs: Iterable[Run]) -> Iterator[VolumeSnapshotRecord]:
    """What drills have restored and looked at, in the order of *runs*."""
    return (each for run in runs if run.action == "drill" for each in run.volumes if each.proof and each.snapshot)
