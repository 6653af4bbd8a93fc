"""Copies of etcd looked at again, where they lie: whether they still are what their records say.

Each is read whole. With identities it is also decrypted, and etcdutl reads what is in it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from hubops import __version__, interrupts
from hubops.backup.etcd.copies import Copies, Damaged, Found, cluster_name
from hubops.backup.etcd.workplace import Workplace, here
from hubops.backup.recording import kept
from hubops.clients.etcd import Etcdutl
from hubops.config import Config
from hubops.config.backup import EtcdBackupConfig
from hubops.errors import HubopsError, Locked, Permanent, SourceError, UsageError
from hubops.journal.journal import Journal
from hubops.journal.promises import promised
from hubops.model.backup import Copy, Run

Say = Callable[[str, str], None]

_LONGEST = 3600.0  # seconds that etcdutl may read one snapshot


def counted(config: Config) -> Copies:
    """The copies that count: those off-site, or those on this machine where no store is configured."""
    return Copies.of(config) if config.backup.store else here(config)


def verify(config: Config, journal: Journal, *, say: Say, names: Sequence[str] = (), every: bool = False) -> Run:
    """Verify the copies *names*, or *every* one, or else the newest; the run as it was recorded.

    A copy that is not what its record says is an alarm. Raises UsageError for a name that no copy has, ConfigError for
    identities that cannot be read, and Locked while another verification decrypts copies on this machine.
    """
    work = _Verification(config, counted(config), journal, say)
    with interrupts.as_keyboard():
        try:
            work.run(names, every)
        except (UsageError, Locked):
            raise
        except HubopsError as error:
            work.problems.append(str(error))
        except KeyboardInterrupt:
            work.problems.append("it was interrupted")
            work.record()
            raise
        return work.record()


@dataclass
class _Verification:
    config: Config
    copies: Copies
    journal: Journal
    say: Say
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    copy: Copy | None = None  # the newest one, or the newest that is damaged
    alarm: bool = False
    problems: list[str] = field(default_factory=list)

    def run(self, names: Sequence[str], every: bool) -> None:
        self.say("etcd", f"listing {self.copies.url}")
        found = self.copies.found()
        if not names and found.unreadable:
            self.alarm = True
            self.problems += found.unreadable
        chosen = _chosen(found, names, every)
        if not chosen and not self.problems:
            raise Permanent(f"there is no copy in {self.copies.url}")
        self.copy = chosen[0] if chosen else None
        with ExitStack() as stack:
            inspect = self._inspector(stack) if self.config.drill.identity_files else self.copies.verify
            for number, copy in enumerate(chosen, 1):
                self.say("etcd", f"{copy.id}, {number} of {len(chosen)}")
                self._verify(copy, inspect)

    def _verify(self, copy: Copy, inspect: Callable[[Copy], None]) -> None:
        try:
            inspect(copy)
        except Damaged as error:
            self.copy = copy if not self.alarm else self.copy
            self.alarm = True
            self.problems.append(str(error))
        except SourceError as error:
            self.problems.append(str(error))

    def _inspector(self, stack: ExitStack) -> Callable[[Copy], None]:
        """What fetches and opens a copy, in a place of its own that is gone with *stack*."""
        place = Workplace(Path(self.config.backup.directory), cluster_name(self.config), "verify")
        stack.enter_context(place.held())
        for name in place.leftovers():
            place.end(name)
        etcdutl = Etcdutl()

        def inspect(copy: Copy) -> None:
            place.make_sure_of_room(copy.etcd.size)
            try:
                self._open(copy, place.begin(copy.id) / "snapshot.db", etcdutl)
            finally:
                place.end(copy.id)

        return inspect

    def _open(self, copy: Copy, file: Path, etcdutl: Etcdutl) -> None:
        self.copies.fetch(copy, self.config.drill.identity_files, file)
        try:
            status = etcdutl.status(file, timeout=_LONGEST)
        except Permanent as error:
            raise Damaged(f"{copy.id}: {error}") from error
        recorded = (copy.etcd.revision, copy.etcd.keys, copy.etcd.hash)
        if (status.revision, status.keys, status.hash) != recorded:
            raise Damaged(f"{copy.id}: etcdutl finds another revision, number of keys or hash than its record says")

    def record(self) -> Run:
        settings = self.config.backup.etcd or EtcdBackupConfig()
        run = Run(
            id=f"verify-etcd-{self.started.strftime('%Y%m%dT%H%M%SZ')}",
            kind="etcd",
            action="verify",
            started_at=self.started,
            finished_at=max(datetime.now(UTC), self.started),
            outcome="failed" if self.problems else "succeeded",
            reason="; ".join(self.problems) or None,
            alarm=self.alarm,
            host=socket.gethostname(),
            hubops_version=__version__,
            promised=promised(settings.objectives),
            copy=self.copy,
            store=self.copies.url if self.config.backup.store else None,
        )
        return kept(self.journal, run, self.say)


def _chosen(found: Found, names: Sequence[str], every: bool) -> tuple[Copy, ...]:
    if every:
        return found.copies
    if not names:
        return found.copies[:1]
    by_id = {copy.id: copy for copy in found.copies}
    if missing := [name for name in names if name not in by_id]:
        raise UsageError(f"there is no copy {missing[0]}; `hubops backup etcd list` shows those that there are")
    return tuple(by_id[name] for name in names)
