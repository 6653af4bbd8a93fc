"""VolumeSnapshots of the claims that a site names: asked for, awaited, dropped when the policy no longer keeps them.

What a killed run left is taken up by the next one: a snapshot that is still being made is waited for, one that failed
is removed, for nothing can be restored from it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from hubops.backup.recording import kept, to_its_end
from hubops.backup.volumes import snapshots
from hubops.backup.volumes.claims import Claim, Left, choose
from hubops.backup.volumes.retention import droppable
from hubops.backup.volumes.run import outcome_of, recorded, run_id
from hubops.backup.volumes.snapshots import Snapshot
from hubops.clients.kube import lease
from hubops.clients.kube.errors import AlreadyExists, NotServed
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import Config
from hubops.config.backup import VolumeBackupConfig
from hubops.errors import ConfigError, HubopsError, Locked, Permanent, SourceError
from hubops.journal.journal import Journal
from hubops.model.backup import Run, VolumeSnapshotRecord
from hubops.model.quantity import human_bytes, human_duration

LOCK = "backup-volumes"
#: Seconds that a whole run may take; each snapshot has its own, much shorter time.
_LONGEST = 24 * 3600.0
#: How long an error may stand in a snapshot before it is believed: drivers fail and try again.
_ERRING = 300.0
#: A snapshot of a large disk is copied for hours; one that was asked for before this is not waited for any more.
_UNFINISHED = timedelta(days=1)
_TICK = timedelta(seconds=2)
_PAUSES = (0.5, 5.0)  # seconds between two looks: the first, and the longest


class JournalUnread(Permanent):
    """It is not known which snapshots are proven."""


class Say(Protocol):
    """What a run does, as `hubops.deliver.steps.Steps` shows it."""

    def __call__(self, name: str, words: str) -> None: ...
    def over(self, name: str, words: str) -> None: ...


def take(config: Config, journal: Journal, *, say: Say) -> Run:
    """Snapshot the claims of `backup.volumes`; the run as it was recorded, whether it succeeded or not.

    Raises ConfigError where the section is missing, and Locked where another run is at work; neither is recorded. ^C
    and SIGTERM end it, recorded as well.
    """
    settings = config.backup.volumes
    if settings is None:
        raise ConfigError("backup.volumes is not set in hubops.yaml: no claims are named")
    cluster = KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST))
    backup = _Backup(cluster, settings, journal, say)

    def work() -> None:
        lease.make_room(cluster)
        with lease.held(cluster, LOCK, waiting=partial(_waiting, say), lost=backup.lose):
            backup.take()

    return to_its_end(
        work, failed=backup.problems.append, record=backup.record, unrecorded=(Locked,),
        words=lambda error: backup.lost or str(error),
    )  # fmt: skip


def old(cluster: KubeWriter, settings: VolumeBackupConfig, journal: Journal) -> list[Snapshot]:
    """The snapshots that the policy of *settings* no longer keeps.

    Raises JournalUnread where the journal cannot be read: it says which snapshots are proven.
    """
    known, problem = journal.recorded()
    if problem:
        raise JournalUnread(f"no old snapshot can go, for the journal says which are proven: {problem}")
    # Those that were just taken count; that clock is told in whole seconds.
    now = datetime.now(UTC) + cluster.clock_offset() + _TICK
    return droppable(cluster, settings, known.runs, now=now)


def prune(config: Config, journal: Journal, *, say: Say) -> list[str]:
    """Delete what the policy no longer keeps, and do nothing else; why what should have gone is still there.

    Raises Locked where a backup is at work.
    """
    cluster = KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST))
    backup = _Backup(cluster, config.backup.volumes or VolumeBackupConfig(), journal, say)
    lease.make_room(cluster)
    with lease.held(cluster, LOCK, waiting=partial(_waiting, say), lost=backup.lose):
        backup.offset = cluster.clock_offset()
        backup.drop()
    return backup.litter


def _waiting(say: Say, holder: str) -> None:
    say("lock", f"{holder} holds it; waiting whether it is alive")


@dataclass
class _Backup:
    cluster: KubeWriter
    settings: VolumeBackupConfig
    journal: Journal
    say: Say
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    offset: timedelta = timedelta()
    records: list[VolumeSnapshotRecord] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # of the whole run
    litter: list[str] = field(default_factory=list)  # what could not be deleted
    lost: str = ""

    @property
    def id(self) -> str:
        return run_id("backup", self.started)

    @property
    def now(self) -> datetime:
        """When the run began, by the API server's clock, which dates the snapshots."""
        return self.started + self.offset

    def lose(self) -> None:
        self.lost = "the lock of the cluster was lost: its API server did not answer, or somebody took it over"
        self.cluster.deadline.cancel()

    def interrupt(self) -> None:
        self.lost = "it was interrupted"
        self.cluster.deadline.cancel()

    def take(self) -> None:
        try:
            claims, left = choose(self.cluster, self.settings)
        except NotServed as error:
            raise Permanent(f"{error}: are the snapshot controller and its CRDs installed?") from error
        self.offset = self.cluster.clock_offset()
        self.records += [_left(each) for each in left]
        for each in left:
            self.say.over(each.id, f"left out: {each.reason}")
        if not claims and (left or _narrowed(self.settings)):
            self.problems.append(_nothing(left))
        self._snapshot(claims)
        self.drop()

    def _snapshot(self, claims: Sequence[Claim]) -> None:
        """All of them, so many of each driver at the same time."""
        unfinished = self._unfinished(claims)
        by_driver: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_driver[claim.driver].append(claim)
        with ExitStack() as pools:
            asked: list[Future[VolumeSnapshotRecord]] = []
            for driver, members in by_driver.items():
                pool = pools.enter_context(ThreadPoolExecutor(self.settings.at_once, thread_name_prefix=driver))
                asked += [
                    pool.submit(self._one, claim, unfinished.get((claim.namespace, claim.name))) for claim in members
                ]
            try:
                self.records += [each.result() for each in asked]
            except KeyboardInterrupt:
                self.interrupt()
                for each in asked:
                    each.cancel()
                self.records += [each.result() for each in asked if not each.cancelled()]
                raise

    def _unfinished(self, claims: Sequence[Claim]) -> dict[tuple[str, str], Snapshot]:
        """What earlier runs left that is still being made, the newest of each claim; what failed goes away."""
        wanted = {(claim.namespace, claim.name) for claim in claims}
        found: dict[tuple[str, str], Snapshot] = {}
        for each in snapshots.own(self.cluster) if claims else ():
            if each.ready or each.leaving or each.of not in wanted:
                continue
            if each.error or self.now - each.asked_at > _UNFINISHED:
                self._delete(each, "it never became ready")
            else:
                found.setdefault(each.of, each)
        return found

    def _one(self, claim: Claim, unfinished: Snapshot | None) -> VolumeSnapshotRecord:
        began, snapshot = time.monotonic(), unfinished
        try:
            snapshot = snapshot or self._asked(claim)
            snapshot = self._ready(claim, snapshot)
        except HubopsError as error:
            words = snapshots.words(self.lost or str(error))
            self.say.over(claim.id, f"failed: {words}")
            name = snapshot.name if snapshot else None
            return VolumeSnapshotRecord(namespace=claim.namespace, claim=claim.name, snapshot=name, error=words)
        took = time.monotonic() - began
        size = f", {human_bytes(snapshot.size)}" if snapshot.size else ""
        self.say.over(claim.id, f"{snapshot.name} is ready after {human_duration(timedelta(seconds=took))}{size}")
        return VolumeSnapshotRecord(
            namespace=claim.namespace, claim=claim.name, snapshot=snapshot.name, ready=True, size=snapshot.size,
            took_s=round(took, 1),
        )  # fmt: skip

    def _asked(self, claim: Claim) -> Snapshot:
        self.say(claim.id, f"asking {claim.driver} for a snapshot")
        wanted = snapshots.manifest(
            claim.namespace, claim.name, claim.snapshot_class, claim.annotations, run=self.id, at=self.started
        )
        try:
            return snapshots.snapshot_of(self.cluster.create(wanted))
        except AlreadyExists:
            # Asked for twice where the first answer was lost, or by another run of this very second.
            live = self.cluster.read(wanted)
            if live and snapshots.BACKUP in (live["metadata"].get("labels") or {}):
                return snapshots.snapshot_of(live)
            raise

    def _ready(self, claim: Claim, snapshot: Snapshot) -> Snapshot:
        """*snapshot* once it is ready. Raises Permanent with the driver's words where it does not become so in time."""
        deadline, pause = Deadline(self.settings.timeout.total_seconds()), _PAUSES[0]
        erring: float | None = None
        while not snapshot.ready:
            if snapshot.error:
                erring = time.monotonic() if erring is None else erring
                self.say(claim.id, f"{claim.driver} tries again: {snapshot.error}")
            else:
                erring = None
                self.say(claim.id, f"waiting until {snapshot.name} is ready")
            if not deadline.remaining() or (erring is not None and time.monotonic() - erring > _ERRING):
                raise Permanent(snapshot.error or self._unready(claim, snapshot))
            self.cluster.deadline.pause(min(pause, deadline.remaining()))
            pause = min(pause * 1.5, _PAUSES[1])
            live = self.cluster.read(snapshot.ref())
            if live is None or live["metadata"]["uid"] != snapshot.uid or "deletionTimestamp" in live["metadata"]:
                raise Permanent(f"its VolumeSnapshot {snapshot.name} was deleted while it was waited for")
            snapshot = snapshots.snapshot_of(live)
        return snapshot

    def _unready(self, claim: Claim, snapshot: Snapshot) -> str:
        """Why it is not ready, as far as anybody says."""
        waited = human_duration(timedelta(seconds=self.settings.timeout.total_seconds()))
        if said := snapshots.warnings(self.cluster, snapshot.namespace, (snapshot.name, snapshot.content)):
            return f"{snapshot.name} is not ready after {waited}: {said}"
        if not snapshot.content:
            return f"no snapshot controller has taken {snapshot.name} up within {waited}"
        return f"{snapshot.name} is not ready after {waited}, and {claim.driver} does not say why"

    def drop(self) -> None:
        """Delete what the policy no longer keeps."""
        try:
            going = old(self.cluster, self.settings, self.journal)
        except JournalUnread as error:
            self.litter.append(str(error))
            return
        for each in going:
            self._delete(each, "the policy does not keep it")

    def _delete(self, snapshot: Snapshot, why: str) -> None:
        try:
            self.cluster.delete(snapshot.ref())
        except SourceError as error:
            self.litter.append(f"{snapshot.id} could not be deleted: {error}")
            return
        self.say.over(snapshot.id, f"deleted: {why}")

    def record(self) -> Run:
        """What has happened, as it is kept in the journal."""
        outcome, reason = outcome_of(self.records, self.problems, self.litter)
        run = recorded("backup", self.started, self.settings, outcome, reason, records=self.records)
        return kept(self.journal, run, self.say.over)


def _left(left: Left) -> VolumeSnapshotRecord:
    error, skipped = (left.reason, None) if left.failed else (None, left.reason)
    return VolumeSnapshotRecord(namespace=left.namespace, claim=left.name, error=error, skipped=skipped)


def _narrowed(settings: VolumeBackupConfig) -> bool:
    """Whether the site names claims, so that none at all means a name that is wrong."""
    return bool(settings.selector or settings.namespaces or settings.storage_classes)


def _nothing(left: Sequence[Left]) -> str:
    if not left:
        return "no claim is what backup.volumes names"
    return f"none of {len(left)} claims can be snapshotted; {left[0].id}: {left[0].reason}"
