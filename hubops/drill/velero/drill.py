"""A backup of Velero, restored into scratch namespaces by Velero itself, compared with what it holds, and removed.

What that proves: the backup can be restored, every object comes back as it was when it was backed up, and what runs
becomes ready without anything of the outside. Nothing outside of the scratch namespaces is written, but for the
Restore, the ConfigMap of its changes and the requests for downloads in Velero's own namespace, and hubops' own journal
and lock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hubops.backup.recording import kept, to_its_end
from hubops.backup.velero.take import Say
from hubops.clients.kube import lease
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline, OutOfTime
from hubops.clients.velero import VeleroClient
from hubops.config import Config
from hubops.config.backup import VeleroBackupConfig, VeleroDrillConfig
from hubops.drill.velero import cni, removal, restored, tarball
from hubops.drill.velero import scratch as velero_scratch
from hubops.drill.velero.checks.run import run_checks
from hubops.drill.velero.choice import Chosen, Wanted, choose
from hubops.drill.velero.compare import compare
from hubops.drill.velero.concealed import Concealer
from hubops.drill.velero.intended import Intended
from hubops.drill.velero.modifiers import Modifiers, Settings, modifiers
from hubops.drill.velero.objects import Key, Object
from hubops.drill.velero.place import place
from hubops.drill.velero.proof import Came, judged, run_of
from hubops.drill.velero.removal import Left
from hubops.drill.velero.restore import asked, server_version
from hubops.drill.velero.restore import restored as restored_by_velero
from hubops.drill.velero.scratch import MADE, Scratch
from hubops.drill.velero.volumes import Volumes, taken_classes, volumes
from hubops.drill.velero.waiting import awaited
from hubops.errors import HubopsError, Locked, UsageError
from hubops.journal.journal import Journal
from hubops.model.backup import Run
from hubops.model.quantity import human_duration

LOCK = "drill-velero"
NAME = "velero"
_LONGEST = 24 * 3600.0  # seconds, of a whole run
#: Seconds for removing what was made; a namespace takes the cluster some, and drivers delete a volume within seconds.
_REMOVING = 600.0


def drill(
    config: Config, journal: Journal, *, say: Say, backup: str | None = None, namespaces: Sequence[str] = ()
) -> Run:
    """Restore the newest backup, or the one called *backup*; the run as recorded, whether it succeeded or not.

    *namespaces* are taken in place of those of the settings. Raises Locked where another drill is at work, ConfigError
    and UsageError for what cannot be used; these are not recorded. ^C and SIGTERM end it: what it has made is removed,
    and it is recorded.
    """
    velero_scratch.checked(config.drill.velero)
    run = _Drill.prepared(config, journal, say)
    wanted = Wanted(config.drill.velero, backup, tuple(namespaces), run.promises.schedule)

    def work() -> None:
        lease.make_room(run.cluster)
        lock = lease.held(run.cluster, LOCK, waiting=partial(_waiting, say), lost=run.lose)
        with lock, place(Path(config.backup.directory)) as folder:
            run.clear()
            try:
                run.drill(wanted, folder)
            finally:
                run.remove()

    return to_its_end(
        work, failed=run.problems.append, record=run.record, unrecorded=(Locked, UsageError),
        words=run.words,
    )  # fmt: skip


def clear(config: Config, say: Say) -> tuple[int, list[str]]:
    """Remove what killed drills left in the cluster: of how many there was something, and what is still there.

    Raises Locked where a drill is at work, and as the client does.
    """
    cluster = KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST))
    client = VeleroClient(cluster, (config.backup.velero or VeleroBackupConfig()).namespace)
    lease.make_room(cluster)
    with lease.held(cluster, LOCK, waiting=partial(_waiting, say), lost=cluster.deadline.cancel):
        found = removal.leftovers(cluster, client)
        said = [
            each
            for left in found
            for each in removal.remove(cluster, client, left, partial(say, left.name), within=_REMOVING)
        ]
    return len(found), said


def _waiting(say: Say, holder: str) -> None:
    say("lock", f"{holder} holds it; waiting whether it is alive")


@dataclass
class _Drill:
    """One drill, as far as it came."""

    config: Config
    journal: Journal
    say: Say
    cluster: KubeWriter
    velero: VeleroClient
    deadline: Deadline
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    scratch: Scratch | None = None
    came: Came = field(default_factory=Came)
    problems: list[str] = field(default_factory=list)  # what ended it
    left: list[str] = field(default_factory=list)  # what could not be removed
    lost: str = ""
    heard: str = ""

    @classmethod
    def prepared(cls, config: Config, journal: Journal, say: Say) -> _Drill:
        cluster = KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST))
        promises = config.backup.velero or VeleroBackupConfig()
        deadline = Deadline(config.drill.velero.timeout.total_seconds())
        return cls(config, journal, say, cluster, VeleroClient(cluster, promises.namespace), deadline)

    @property
    def promises(self) -> VeleroBackupConfig:
        return self.config.backup.velero or VeleroBackupConfig()

    @property
    def settings(self) -> VeleroDrillConfig:
        return self.config.drill.velero

    def lose(self) -> None:
        self.lost = "the lock of the cluster was lost: its API server did not answer, or somebody took it over"
        self.cluster.deadline.cancel()
        self.deadline.cancel()

    def words(self, error: HubopsError) -> str:
        """What ended it."""
        if self.lost:
            return self.lost
        if not isinstance(error, OutOfTime):
            return str(error)
        within = human_duration(self.settings.timeout)
        return f"it did not end within {within} (drill.velero.timeout); the last that was heard: {self.heard}"

    def clear(self) -> None:
        """Remove what runs that were killed have left: while this one has the lock, none of it is in use."""
        for left in removal.leftovers(self.cluster, self.velero):
            self._remove(self.cluster, self.velero, left)

    def drill(self, wanted: Wanted, folder: Path) -> None:
        """All steps, one after the other. Raises what ends them."""
        came, concealer = self.came, Concealer()
        with self._step("find", "looking for the newest backup"):
            came.chosen = chosen = choose(self.cluster, self.velero, wanted)
            came.version = server_version(self.velero)
            came.age = self.started + self.cluster.clock_offset() - chosen.newest_at
        with self._step("read", f"reading Backup {chosen.backup.name}"):
            came.original = self._contents(chosen, folder, concealer)
            came.volumes = volumes(came.original, self.velero.volumes(chosen.backup), self.settings)
            came.modifiers = self._modifiers(chosen, came.original, came.volumes)
            scratch = velero_scratch.new(self.cluster, self.settings, chosen.namespaces)
            held = sorted({key.resource for key in came.original})
            spec = asked(chosen.backup.name, scratch, came.volumes.scope, held, self.settings)
        self._make(scratch, came.modifiers.document())
        with self._step("restore", f"restoring Backup {chosen.backup.name}"):
            came.restored = restored_by_velero(self.velero, scratch, spec, self._hear, self.deadline)
        self._await(scratch, came, came.modifiers)
        intended = Intended(came.modifiers.modified, came.volumes.scope.why_not, MADE)
        with self._step("compare", "comparing every object with the backup"):
            live, came.unread = restored.restored(self.cluster, came.original, scratch.mapping, concealer)
            came.comparison = compare(came.original, live, scratch.mapping, intended)
        self._check(scratch, came)

    def _contents(self, chosen: Chosen, folder: Path, concealer: Concealer) -> dict[Key, Object]:
        path = folder / "backup.tar.gz"
        try:
            self.velero.download("BackupContents", chosen.backup.name, path)
            return tarball.contents(path, chosen.namespaces, concealer)
        finally:
            path.unlink(missing_ok=True)

    def _modifiers(self, chosen: Chosen, original: dict[Key, Object], found: Volumes) -> Modifiers:
        settings = Settings(self.settings.workloads, found.bound, taken_classes(self.cluster))
        wanted = {key: item for key, item in original.items() if found.scope.why_not(key.resource) is None}
        return modifiers(wanted.items(), chosen.namespaces, settings)

    def _make(self, scratch: Scratch, changes: str) -> None:
        with self._step("make", f"making {', '.join(sorted(scratch.mapping.values()))}"):
            self.scratch = scratch  # from here on there may be something that is to be removed
            velero_scratch.make(self.cluster, scratch, self.velero.namespace, changes)

    def _await(self, scratch: Scratch, came: Came, changes: Modifiers) -> None:
        came.network = cni.enforcing(self.cluster)
        if not self.settings.workloads:
            return
        within = Deadline(min(self.settings.wait.total_seconds(), self.deadline.remaining()))
        with self._step("workloads", "waiting for the workloads"):
            came.awaited = awaited(self.cluster, scratch.mapping, changes.resting, self._hear, within)

    def _check(self, scratch: Scratch, came: Came) -> None:
        """What a person would try. Where nothing runs, nothing would answer."""
        if not self.settings.checks or not self.settings.workloads:
            return
        cluster = KubeWriter(self.config.kubernetes, deadline=self.deadline)
        with self._step("checks", "trying drill.velero.checks"):
            came.checks = run_checks(cluster, self.settings.checks, scratch.mapping, say=self._hear)

    @contextmanager
    def _step(self, name: str, words: str) -> Iterator[None]:
        """Say what is done, and keep how many seconds it took."""
        self._hear(words)
        self.deadline.bound(1)
        began = time.monotonic()
        yield
        self.came.steps[name] = round(time.monotonic() - began, 3)

    def _hear(self, words: str) -> None:
        self.heard = words
        self.say(NAME, words)

    def remove(self) -> None:
        """With a time of its own: also when this run's is over, or it was interrupted."""
        if not self.scratch:
            return
        scratch, began = self.scratch, time.monotonic()
        cluster = KubeWriter(self.config.kubernetes, deadline=Deadline(_REMOVING * 2))
        velero = VeleroClient(cluster, self.velero.namespace)
        try:
            left = removal.own(cluster, velero, scratch.id)
        except HubopsError as error:
            where = ", ".join(sorted(scratch.mapping.values()))
            self._tell(scratch.name, [f"{error}; there may be {where}, and {scratch.name} in {velero.namespace}"])
            return
        if left:
            self._remove(cluster, velero, left)
        self.came.steps["remove"] = round(time.monotonic() - began, 3)

    def _remove(self, cluster: KubeWriter, velero: VeleroClient, left: Left) -> None:
        try:
            said = removal.remove(cluster, velero, left, partial(self.say, left.name), within=_REMOVING)
        except HubopsError as error:
            said = [str(error)]
        self._tell(left.name, said)

    def _tell(self, name: str, said: list[str]) -> None:
        if said:
            more = f", and {len(said) - 1} more" if said[1:] else ""
            self.left.append(f"{name} is not removed, which the next drill will try: {said[0]}{more}")
        self.say.over(name, "; ".join(said) or "removed")

    def record(self) -> Run:
        """What has happened, as it is kept in the journal."""
        outcome, reason = judged(self.came, self.settings, self.problems, self.left)
        run = run_of(self.came, self.started, self.promises, self.settings, outcome, reason)
        return kept(self.journal, run, self.say.over)
