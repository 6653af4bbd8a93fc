"""One Backup of Velero: asked for, waited for, compared with the cluster, recorded.

Velero goes on with a Backup when hubops is killed or interrupted. The next run that wants the same waits for that one
and judges it, so that there are never two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

import msgspec

from hubops.backup.recording import kept, to_its_end
from hubops.backup.velero import look, request
from hubops.backup.velero.judge import record_of, verdict
from hubops.backup.velero.location import usable
from hubops.backup.velero.look import Before
from hubops.backup.velero.record import recorded, run_id
from hubops.backup.velero.request import RUN, SAME, Wanted
from hubops.clients.kube import lease
from hubops.clients.kube.errors import AlreadyExists
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline, OutOfTime
from hubops.clients.velero import MANAGED, VeleroClient
from hubops.config import Config
from hubops.config.backup import VeleroBackupConfig
from hubops.errors import ConfigError, Locked, Permanent
from hubops.journal.journal import Journal
from hubops.model.backup import Outcome, Run, VeleroBackupRecord
from hubops.model.quantity import human_duration
from hubops.model.velero import Backup, Schedule

LOCK = "backup-velero"
NAME = "velero"
#: Seconds that a whole run may take; the Backup itself has its own, much shorter time.
_LONGEST = 24 * 3600.0
_GONE = 404


class Say(Protocol):
    """What a run does, as `hubops.deliver.steps.Steps` shows it."""

    def __call__(self, name: str, words: str) -> None: ...
    def over(self, name: str, words: str) -> None: ...


def take(
    config: Config, journal: Journal, *, say: Say, schedule: str | None = None, namespaces: Sequence[str] = ()
) -> Run:
    """Have Velero make the Backup of `backup.velero`; the run as it was recorded, whether it succeeded or not.

    *schedule* and *namespaces* are taken in place of those of the settings; such a run keeps no promise. Raises
    ConfigError where the section is missing, and Locked where another run is at work; neither is recorded. ^C and
    SIGTERM end it, recorded as well.
    """
    settings = config.backup.velero
    if settings is None:
        raise ConfigError("backup.velero is not set in hubops.yaml: nothing says what is to be backed up")
    cluster = KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST))
    backup = _Backup(VeleroClient(cluster, settings.namespace), settings, journal, say, schedule, namespaces)

    def work() -> None:
        lease.make_room(cluster)
        with lease.held(cluster, LOCK, waiting=partial(_waiting, say), lost=backup.lose):
            backup.take()

    return to_its_end(
        work, failed=backup.fail, record=backup.record, unrecorded=(Locked,),
        words=lambda error: backup.lost or str(error),
    )  # fmt: skip


def _waiting(say: Say, holder: str) -> None:
    say("lock", f"{holder} holds it; waiting whether it is alive")


@dataclass
class _Backup:
    velero: VeleroClient
    settings: VeleroBackupConfig
    journal: Journal
    say: Say
    schedule: str | None
    namespaces: Sequence[str]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    asked_at: datetime | None = None  # by an earlier run: what the Backup holds is no younger
    outcome: Outcome = "failed"
    reasons: list[str] = field(default_factory=list)
    under_way: Backup | None = None
    found: VeleroBackupRecord | None = None
    lost: str = ""

    @property
    def id(self) -> str:
        return run_id("backup", self.started)

    @property
    def narrowed(self) -> bool:
        return bool(self.namespaces) or self.schedule not in (None, self.settings.schedule)

    def lose(self) -> None:
        self.lost = "the lock of the cluster was lost: its API server did not answer, or somebody took it over"
        self.velero.cluster.deadline.cancel()

    def fail(self, words: str) -> None:
        """It ended by *words*; Velero goes on with what it has begun."""
        self.outcome = "failed"
        backup = self.under_way
        goes_on = f"; Velero goes on with {backup.name}, and the next run waits for it" if backup else ""
        self.reasons.append(f"{words}{goes_on}")

    def take(self) -> None:
        wanted = self._wanted()
        usable(self.velero, wanted.typed.storage_location or None)
        left = self._left(wanted)
        if left is None:
            then = self._before(wanted)
            backup = self._ask(wanted)
        else:
            self.say(NAME, f"{left.name}, which an earlier run asked for, is still under way: no second one is made")
            self.asked_at = left.metadata.creation_timestamp
            backup, then = left, self._before(wanted, self.asked_at)
        self._judge(self._ended(backup), then, wanted.narrowed)

    def _wanted(self) -> Wanted:
        name = self.schedule or self.settings.schedule
        try:
            if name is None:
                return request.of_settings(self.settings, self.namespaces, self.started)
            schedule = self.velero.get(Schedule, name)
            if schedule is None:
                raise Permanent(f"there is no Schedule {name} in namespace {self.velero.namespace}")
            wanted = request.of_schedule(schedule, self.namespaces, self.started, narrowed=self.narrowed)
            _ = wanted.typed
        except msgspec.ValidationError as error:
            raise Permanent(f"the template of Schedule {name} is no spec of a Backup: {error}") from error
        self._remark(schedule)
        return wanted

    def _remark(self, schedule: Schedule) -> None:
        """A Schedule that makes no backups of its own is worth a word, and keeps nobody from this one."""
        if schedule.spec.paused:
            self.say.over(f"schedule {schedule.name}", "it is paused: Velero makes no backups by it")
        if schedule.status.validation_errors:
            said = "; ".join(schedule.status.validation_errors)
            self.say.over(f"schedule {schedule.name}", f"Velero makes no backups by it: {said}")

    def _left(self, wanted: Wanted) -> Backup | None:
        """The newest Backup of the same that an earlier run has asked for and that has not ended."""
        mine = ",".join([*(f"{key}={value}" for key, value in MANAGED.items()), f"{SAME}={wanted.labels[SAME]}"])
        going = (each for each in self.velero.backups(mine) if not each.ended and each.phase != "Deleting")
        return next(going, None)

    def _before(self, wanted: Wanted, born_before: datetime | None = None) -> Before:
        self.say(NAME, "listing what the cluster has")
        then = look.before(self.velero, wanted.typed, born_before)
        if why := then.uncompared or then.filtered:
            self.say.over(NAME, f"it cannot be compared with the cluster: {why}")
        for name, why in (then.inventory.unread if then.inventory else {}).items():
            self.say.over(name, f"not compared: {why}")
        return then

    def _ask(self, wanted: Wanted) -> Backup:
        self.say(NAME, f"asking for {wanted.name}")
        labels = {**wanted.labels, RUN: self.id.lower()}
        try:
            return self.velero.create_backup(wanted.name, wanted.spec, labels)
        except AlreadyExists:
            # Velero names its own of a Schedule in the same way: one was made in this very second.
            name = f"{wanted.name}-{self.started.microsecond:06d}"
            return self.velero.create_backup(name, wanted.spec, labels)

    def _ended(self, backup: Backup) -> Backup:
        self.under_way = backup
        limit = Deadline(self.settings.timeout.total_seconds())
        try:
            ended = self.velero.ended(
                Backup, backup.name, say=lambda words: self.say(NAME, f"{backup.name}: {words}"), deadline=limit
            )
        except OutOfTime as error:
            span = human_duration(timedelta(seconds=limit.seconds))
            raise Permanent(f"{backup.name} has not ended within {span} (backup.velero.timeout)") from error
        except Permanent as error:
            if error.status == _GONE:
                self.under_way = None
            raise
        self.under_way = None
        return ended

    def _judge(self, backup: Backup, then: Before, narrowed: bool) -> None:
        self.say(NAME, f"{backup.name} is {backup.phase}: comparing it with the cluster")
        seen = look.seen(self.velero, backup, then, narrowed=narrowed)
        self.found = record_of(seen)
        self.outcome, reason = verdict(seen, self.settings.objectives.rpo)
        self.reasons += [reason] if reason else []
        for each in (*self.found.errors, *self.found.missing, *self.found.volumes_missing):
            self.say.over(backup.name, each)

    def record(self) -> Run:
        """What has happened, as it is kept in the journal."""
        if self.found is None and (self.under_way is not None or self.narrowed):
            self.found = _unjudged(self.under_way, self.narrowed)
        offset = self.velero.cluster.clock_offset()
        began = min(self.started, self.asked_at - offset) if self.asked_at else self.started
        run = recorded(
            "backup", self.id, began, self.settings, self.outcome, "; ".join(self.reasons) or None, self.found
        )
        return kept(self.journal, run, self.say.over)


def _unjudged(backup: Backup | None, narrowed: bool) -> VeleroBackupRecord:
    """A Backup of which no more is known; without a name where it did not come that far."""
    if backup is None:
        return VeleroBackupRecord(name="", uid="", phase="", narrowed=narrowed)
    return VeleroBackupRecord(
        name=backup.name, uid=backup.metadata.uid, schedule=backup.schedule, phase=backup.phase, narrowed=narrowed
    )
