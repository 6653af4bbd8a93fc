"""A backup of etcd: taken, checked, encrypted, sent off-site, read back, recorded; then older copies are pruned.

Nothing counts as a backup before all of that was done, and nothing is dropped before. Where the store fails, the copy
stays on this machine and the run is partial. A snapshot of another etcd, or of an earlier revision, is an alarm: it is
kept aside, and takes no copy's place.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import msgspec

from hubops import __version__, interrupts
from hubops.backup import retention
from hubops.backup.etcd import lineage, pruning
from hubops.backup.etcd.copies import Copies, cluster_name
from hubops.backup.etcd.seal import Sealed, seal
from hubops.backup.etcd.workplace import Workplace
from hubops.backup.recording import kept, to_its_end
from hubops.clients import age, etcd_certificates
from hubops.clients.etcd import Etcdctl, Etcdutl, Status
from hubops.clients.kube import lease
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import Config, Duration
from hubops.config.backup import EtcdBackupConfig, Keep
from hubops.errors import ConfigError, HubopsError, Locked, Permanent, SourceError
from hubops.journal.journal import Journal
from hubops.journal.promises import promised
from hubops.model.backup import CertificateEnd, Copy, EtcdState, Outcome, Run
from hubops.model.quantity import human_bytes

Say = Callable[[str, str], None]

LOCK = "backup-etcd"
_NAME = "etcd"
#: One request to the API server: a backup must not wait for the cluster that it may be about to save.
_API_TIMEOUT = Duration(seconds=5)


def take(config: Config, journal: Journal, *, say: Say, new_history: bool = False) -> Run:
    """Back up etcd; the run as it was recorded, whether it succeeded or not. *say* is told what is under way.

    *new_history* says that the etcd was restored or made anew, so that it is not compared with earlier copies. Raises
    ConfigError and UsageError before anything is done where settings, certificates or programs are missing, and Locked
    where another run is at work. ^C and SIGTERM end it, recorded as well.
    """
    backup = _Backup.prepared(config, journal, say, new_history)

    def work() -> None:
        with backup.place.held(), _lease(config, backup.deadline, say):
            backup.take()

    with interrupts.as_keyboard():
        try:
            return to_its_end(
                work, failed=backup.failures.append, record=backup.record, unrecorded=(Locked, ConfigError)
            )
        except KeyboardInterrupt:
            backup.withdraw(backup.id)
            raise


@contextmanager
def _lease(config: Config, deadline: Deadline, say: Say) -> Iterator[None]:
    """The lock of the cluster, where its API server answers: a backup is taken also where it does not."""
    with ExitStack() as stack:
        try:
            kubernetes = msgspec.structs.replace(config.kubernetes, timeout=_API_TIMEOUT)
            cluster = KubeWriter(kubernetes, deadline=deadline)
            lease.make_room(cluster)
            stack.enter_context(
                lease.held(
                    cluster, LOCK,
                    waiting=lambda holder: say("lock", f"{holder} holds it; waiting whether it is alive"),
                    lost=lambda: say("lock", "the lock of the cluster was lost; going on without it"),
                )
            )  # fmt: skip
        except Locked:
            raise
        except HubopsError as error:
            say("lock", f"going on without the lock of the cluster: {error}")
        yield


@dataclass
class _Backup:
    """One run, as far as it came."""

    config: Config
    settings: EtcdBackupConfig
    journal: Journal
    say: Say
    new_history: bool
    recipients: Sequence[age.Recipient]
    etcdctl: Etcdctl
    etcdutl: Etcdutl
    place: Workplace
    copies: Copies | None  # off-site
    deadline: Deadline
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    certificates: tuple[CertificateEnd, ...] = ()
    copy: Copy | None = None  # once it is somewhere that a restore can take it from
    off_site: bool = False
    alarm: bool = False
    failures: list[str] = field(default_factory=list)
    shortcomings: list[str] = field(default_factory=list)  # the copy is good, but something else is not

    @classmethod
    def prepared(cls, config: Config, journal: Journal, say: Say, new_history: bool) -> _Backup:
        """Everything that can be wrong before anything is done is said here."""
        settings = config.backup.etcd
        if settings is None:
            raise ConfigError("backup.etcd is not set in hubops.yaml: no etcd is to be backed up")
        deadline = Deadline(settings.timeout.total_seconds())
        return cls(
            config, settings, journal, say, new_history,
            recipients=age.recipients(config.backup),
            etcdctl=Etcdctl(settings),
            etcdutl=Etcdutl(),
            place=Workplace(Path(config.backup.directory), cluster_name(config)),
            copies=Copies.of(config, deadline=deadline) if config.backup.store else None,
            deadline=deadline,
        )  # fmt: skip

    @cached_property
    def id(self) -> str:
        return f"etcd-{self.now.strftime('%Y%m%dT%H%M%SZ')}-{secrets.token_hex(2)}"

    def take(self) -> None:
        self._clean()
        before = self._ask()
        earlier = self._earlier()
        self.place.make_sure_of_room(before.size)
        work = self.place.begin(self.id)
        try:
            self._make(work, before, earlier)
        finally:
            self.place.end(self.id)
        if self.copy and not self.failures and not self.shortcomings:
            self._prune()

    def _clean(self) -> None:
        """Remove what killed runs left: here, and what they had sent without its record."""
        for name in self.place.leftovers():
            self.say(_NAME, f"removing what the run {name} left, which was killed")
            self.withdraw(name)
            self.place.end(name)

    def withdraw(self, name: str) -> None:
        """Remove what a run that did not come to its end has sent, unless that became a copy."""
        if not self.copies:
            return
        try:
            if name not in {copy.id for copy in self.copies.found().copies}:
                self.copies.discard(name)
        except SourceError as error:
            self.say(_NAME, f"what the run {name} sent could not be looked for: {error}")

    def _ask(self) -> Status:
        self.say(_NAME, "asking its endpoints")
        self.certificates = etcd_certificates.ends(self.settings)  # before one that has ended ends the run
        status = self.etcdctl.first()
        self._missing_leader(status)
        return status

    def _missing_leader(self, status: Status) -> None:
        if not status.leader_id:
            said = f"{status.endpoint} knows no leader: the snapshot holds what this one member has"
            self.shortcomings += [] if said in self.shortcomings else [said]

    def _earlier(self) -> list[Copy]:
        """The copies that are known, here, off-site and in the journal."""
        self.say(_NAME, "looking at earlier copies")
        found = list(self.place.local.found().copies)
        if self.copies:
            try:
                off_site = self.copies.found()
                found += off_site.copies
                self.shortcomings += off_site.unreadable[:1]
            except SourceError as error:
                self.shortcomings.append(str(error))
        cluster = cluster_name(self.config)
        recorded = [run.copy for run in self.journal.runs("etcd") if run.action == "backup" and not run.alarm]
        found += [copy for copy in recorded if copy and copy.cluster == cluster]
        return found

    def _make(self, work: Path, before: Status, earlier: Sequence[Copy]) -> None:
        plain = work / f"{self.id}.db"
        self.say(_NAME, f"saving a snapshot of {before.endpoint}, about {human_bytes(before.size)}")
        self.etcdctl.save(before.endpoint, plain, deadline=self.deadline)
        self.say(_NAME, "checking it, and encrypting it" if self.recipients else "checking it")
        file = work / (f"{self.id}.db.age" if self.recipients else f"{self.id}.db.plain")
        sealed = seal(plain, file, self.recipients, self.etcdutl, self.deadline)
        plain.unlink()
        self._ask_again(before)
        copy = self._copy(before, sealed, earlier)
        self._judge(copy, before, earlier, file)
        self.say(_NAME, "keeping a copy on this machine")
        kept = self.place.keep(copy, file)
        self.copy = copy
        self._send(copy, kept)

    def _ask_again(self, before: Status) -> None:
        """A snapshot that was saved is good, whatever became of its etcd meanwhile; but that is told."""
        try:
            after = self.etcdctl.status(before.endpoint)
        except SourceError as error:
            self.shortcomings.append(f"the snapshot was saved, but then its etcd did not answer any more: {error}")
            return
        if after.cluster_id != before.cluster_id:
            raise Permanent(f"{before.endpoint} became another etcd while it was read")
        self._missing_leader(after)

    def _copy(self, before: Status, sealed: Sealed, earlier: Sequence[Copy]) -> Copy:
        status = sealed.status
        return Copy(
            id=self.id,
            cluster=cluster_name(self.config),
            taken_at=self.now,
            etcd=EtcdState(
                cluster_id=before.cluster_id, member_id=before.member_id, version=before.version,
                revision=status.revision, keys=status.keys, size=status.size, hash=status.hash,
            ),
            file=f"{self.id}.db.age" if self.recipients else f"{self.id}.db",
            size=sealed.size,
            sha256=sealed.sha256,
            plain_sha256=sealed.plain_sha256,
            recipients=tuple(each.text for each in self.recipients),
            history=self.id if self.new_history else lineage.history(earlier, self.now),
            hubops_version=__version__,
        )  # fmt: skip

    def _judge(self, copy: Copy, before: Status, earlier: Sequence[Copy], file: Path) -> None:
        """Raises Permanent where the snapshot is not of the etcd that was asked for, or not of now."""
        if not copy.etcd.keys:
            raise Permanent(f"{before.endpoint} is empty: there is nothing in it to back up")
        if copy.etcd.revision < before.revision:
            raise Permanent(
                f"the snapshot is at revision {copy.etcd.revision}, but {before.endpoint} was at "
                f"{before.revision} before it was taken"
            )
        wrong = None if self.new_history else lineage.contradiction(copy.etcd, earlier, self.now)
        if wrong:
            self.alarm = True
            raise Permanent(f"{wrong} (the snapshot is kept aside: {self.place.keep_aside(copy, file)})")

    def _send(self, copy: Copy, file: Path) -> None:
        if not self.copies:
            return
        self.say(_NAME, f"sending {human_bytes(copy.size)} to {self.copies.url}, and reading it back")
        try:
            self.copies.put(copy, file)
        except SourceError as error:
            self.shortcomings.append(f"the copy is on this machine only: {error}")
            # However long the store fails: the disk here may be etcd's own.
            self._prune_here(max(self.settings.local, self.settings.keep.last))
            return
        self.off_site = True

    def _prune(self) -> None:
        """Drop what the policy no longer keeps; what cannot be dropped stays until the next run."""
        try:
            self._prune_here(max(self.settings.local, 0 if self.off_site else 1))
            if self.copies:
                self._prune_off_site(self.copies)
        except SourceError as error:
            self.shortcomings.append(f"the copy is good, but older ones could not be pruned: {error}")

    def _prune_here(self, last: int) -> None:
        """Let the newest *last* copies stay here."""
        found = self.place.local.found().copies
        keep = Keep(last=max(last, 1), hourly=0, daily=0, weekly=0, monthly=0)
        for copy in retention.dropped(found, keep, now=self.now) if last else found:
            self.place.local.delete(copy)

    def _prune_off_site(self, copies: Copies) -> None:
        planned = pruning.look(copies, self.journal, self.settings.keep, now=self.now)
        if planned.hindrance:
            self.say(_NAME, f"no copy is dropped: {planned.hindrance}")
        for copy in planned.drop:
            self.say(_NAME, f"dropping {copy.id}")
            copies.delete(copy)

    def record(self) -> Run:
        """The run, as the journal keeps it now."""
        reasons = self.failures or self.shortcomings
        outcome: Outcome = "succeeded"
        if reasons:
            outcome = "failed" if self.failures and not self.copy else "partial"
        run = Run(
            id=f"backup-{self.id}",
            kind="etcd",
            action="backup",
            started_at=self.now,
            finished_at=max(datetime.now(UTC), self.now),
            outcome=outcome,
            reason="; ".join(reasons) or None,
            alarm=self.alarm,
            host=socket.gethostname(),
            hubops_version=__version__,
            promised=promised(self.settings.objectives),
            copy=self.copy,
            certificates=self.certificates,
            store=self.copies.url if self.copies and self.off_site else None,
        )
        return kept(self.journal, run, self.say)
