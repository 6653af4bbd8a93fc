"""A claim is restored from its newest snapshot into a scratch namespace, and a Job looks at what came back.

What that proves: every byte of the restored volume can be read, or the site's own command found it in order. A sum of
the live volume cannot be had beside it: it changes while it is read, and since the snapshot was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from hubops.backup.recording import kept, to_its_end
from hubops.backup.volumes import snapshots
from hubops.backup.volumes.run import recorded
from hubops.backup.volumes.snapshots import Snapshot
from hubops.backup.volumes.take import Say
from hubops.clients.kube import lease
from hubops.clients.kube.errors import NotServed
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import Config
from hubops.config.backup import VolumeBackupConfig
from hubops.drill.volumes import scratch as volume_scratch
from hubops.drill.volumes.due import due, restored_before
from hubops.drill.volumes.proof import Used, failure, proof_of
from hubops.drill.volumes.restore import Restore, restored
from hubops.drill.volumes.scratch import Scratch
from hubops.errors import HubopsError, Locked, Permanent, UsageError
from hubops.journal.journal import Journal
from hubops.model.backup import Outcome, Run, VolumeSnapshotRecord
from hubops.model.quantity import human_duration

LOCK = "drill-volumes"
_LONGEST = 24 * 3600.0  # seconds, of a whole run
#: Seconds for what is empty already; five of them the cluster waits before it begins.
_GOING = 30.0
#: Seconds for removing what was made; drivers delete a volume within seconds, once its pod is gone.
_REMOVING = 300.0


def _unknown(_namespace: str, _claim: str) -> None:
    """Nobody has said how much of a live volume is in use."""


def drill(config: Config, journal: Journal, *, say: Say, claims: Sequence[str] = (), used: Used = _unknown) -> Run:
    """Restore the claims whose last drill is the longest ago, or *claims* (namespace/name); the run as recorded.

    *used* tells how many bytes of a live volume are in use, None where that is not known. Raises Locked where another
    drill is at work, ConfigError and UsageError for what cannot be used; these are not recorded. ^C and SIGTERM end it:
    what it has made is removed, and it is recorded.
    """
    volume_scratch.new(config.drill.volumes.namespace, datetime.now(UTC))  # its name is judged before anything is done
    cluster = KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST))
    run = _Drill(config, cluster, journal, say, used)

    def work() -> None:
        lease.make_room(cluster)
        with lease.held(cluster, LOCK, waiting=partial(_waiting, say), lost=run.lose):
            try:
                run.clear()
                run.drill(claims)
            finally:
                run.cleared()

    return to_its_end(
        work, failed=run.problems.append, record=run.record, unrecorded=(Locked, UsageError),
        words=lambda error: run.lost or str(error),
    )  # fmt: skip


def _waiting(say: Say, holder: str) -> None:
    say("lock", f"{holder} holds it; waiting whether it is alive")


@dataclass
class _Drill:
    config: Config
    cluster: KubeWriter
    journal: Journal
    say: Say
    used: Used
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    records: list[VolumeSnapshotRecord] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    removed: list[Scratch] = field(default_factory=list)  # whose namespaces are on their way
    left: list[str] = field(default_factory=list)  # what could not be removed
    lost: str = ""

    def lose(self) -> None:
        self.lost = "the lock of the cluster was lost: its API server did not answer, or somebody took it over"
        self.cluster.deadline.cancel()

    def clear(self) -> None:
        """Remove what runs that were killed have left: while this one has the lock, none of it is in use."""
        for scratch in volume_scratch.leftovers(self.cluster):
            self._remove(scratch)

    def drill(self, claims: Sequence[str]) -> None:
        runs = self.journal.runs("volumes")
        try:
            found = snapshots.own(self.cluster)
        except NotServed as error:
            raise Permanent(f"{error}: are the snapshot controller and its CRDs installed?") from error
        chosen = due(self.cluster, found, runs, claims=claims, count=self.config.drill.volumes.claims)
        for snapshot in chosen:
            self.records.append(self._one(snapshot, restored_before(snapshot, runs)))

    def _one(self, snapshot: Snapshot, before: str | None) -> VolumeSnapshotRecord:
        claim = f"{snapshot.namespace}/{snapshot.claim}"
        say = partial(self.say, claim)
        say(f"restoring {snapshot.name} of {snapshot.taken_at:%Y-%m-%d %H:%M:%SZ}")
        age = datetime.now(UTC) + self.cluster.clock_offset() - snapshot.taken_at
        settings = self.config.drill.volumes
        scratch = volume_scratch.new(settings.namespace, datetime.now(UTC), settings.labels)
        proof, error = None, None
        try:
            came = restored(self.cluster, Restore(scratch, snapshot, settings), say)
            used = self.used(snapshot.namespace, snapshot.claim)
            proof = proof_of(snapshot, came, age, before=before, used=used, settings=settings)
            error = failure(proof)
        except HubopsError as problem:
            error = snapshots.words(self.lost or str(problem))
        finally:
            self._remove(scratch)
        took = human_duration(timedelta(seconds=proof.rto_s)) if proof else ""
        self.say.over(claim, f"failed: {error}" if error else f"{snapshot.name} was restored within {took}, and read")
        return VolumeSnapshotRecord(
            namespace=snapshot.namespace, claim=snapshot.claim, snapshot=snapshot.name, ready=True, size=snapshot.size,
            took_s=proof.rto_s if proof else None, error=error, proof=proof,
        )  # fmt: skip

    def _remove(self, scratch: Scratch) -> None:
        """With a time of its own: also when this run's is over, or it was interrupted."""
        tell: Callable[[str], None] = partial(self.say, scratch.name)
        try:
            left = volume_scratch.remove(self._cleaner(), scratch, tell, within=_REMOVING)
        except HubopsError as error:
            left = [str(error)]
        if left:
            more = f", and {len(left) - 1} more" if left[1:] else ""
            self.left.append(f"{scratch.name} is not removed, which the next drill will try: {left[0]}{more}")
        else:
            self.removed.append(scratch)
        self.say.over(scratch.name, left[0] if left else "removed")

    def cleared(self) -> None:
        """Wait a little for the namespaces, all at once: they are empty, and the cluster takes its time for them."""
        if not self.removed:
            return
        try:
            left = volume_scratch.gone(self._cleaner(), self.removed, within=_GOING)
        except HubopsError as error:
            left = [str(error)]
        if left:
            self.say.over("scratch namespaces", f"empty, and on their way: {', '.join(left)}")

    def _cleaner(self) -> KubeWriter:
        return KubeWriter(self.config.kubernetes, deadline=Deadline(_REMOVING * 2))

    def record(self) -> Run:
        """What has happened, as it is kept in the journal."""
        outcome, reason = self._outcome()
        settings = self.config.backup.volumes or VolumeBackupConfig()
        run = recorded("drill", self.started, settings, outcome, reason, records=self.records)
        return kept(self.journal, run, self.say.over)

    def _outcome(self) -> tuple[Outcome, str | None]:
        failed = [each for each in self.records if each.error]
        said = [*self.problems, *(f"{each.namespace}/{each.claim}: {each.error}" for each in failed[:3]), *self.left]
        proven = [each for each in self.records if not each.error]
        if failed or self.problems or not self.records:
            return ("partial" if proven else "failed"), "; ".join(said) or "nothing was restored"
        doubts = [f"{each.namespace}/{each.claim}: {doubt}" for each in proven if (doubt := _doubt(each))]
        if doubts or self.left:
            return "partial", "; ".join([*doubts[:3], *self.left])
        return "succeeded", None


def _doubt(record: VolumeSnapshotRecord) -> str:
    """Why a claim that was restored is not proven to be whole."""
    proof = record.proof
    return "" if not proof or proof.proven else "; ".join(proof.unproven[:1])
