"""The drill of etcd: the newest off-site copy is fetched, decrypted, restored, started and compared; all is measured.

What was restored lives in a scratch place for as long as the drill takes. The run is recorded however it ends.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hubops import __version__
from hubops.backup.etcd.copies import Copies
from hubops.backup.etcd.lineage import history
from hubops.backup.recording import kept, to_its_end
from hubops.clients import age
from hubops.clients.retry import Deadline
from hubops.config import Config
from hubops.config.backup import EtcdBackupConfig
from hubops.drill.etcd import api_server, live, servers
from hubops.drill.etcd.compare import Comparison
from hubops.drill.etcd.listing import Listing
from hubops.drill.etcd.restored import Restored, restore
from hubops.drill.etcd.scratch import Scratch, scratch
from hubops.errors import ConfigError, HubopsError, Locked, Permanent, UsageError
from hubops.journal.journal import Journal
from hubops.journal.promises import promised
from hubops.model.backup import Copy, Outcome, Proof, Run
from hubops.model.etcd_keys import Names

Say = Callable[[str, str], None]
#: The steps that a real restore would take, too: their sum is the RTO. What is compared beside them is not in it.
_RESTORING = ("fetch", "restore", "start etcd", "start kube-apiserver")
#: Beside the database, a restored etcd has its log files, and the API server writes a little.
_ROOM = 512 * 2**20
_LARGEST = 20  # namespaces that are recorded


def drill(config: Config, journal: Journal, *, say: Say, wanted: str | None = None) -> Run:
    """The run, recorded: of the copy *wanted*, or of the newest one off-site. *say* is told what is under way.

    Raises ConfigError and UsageError before anything is done where settings, identities or programs are missing, and
    Locked where another drill is at work here. All else that goes wrong is the run's outcome. ^C and SIGTERM end it,
    recorded as well.
    """
    work = _Work.prepared(config, journal, say)
    return to_its_end(
        partial(work.run, wanted), failed=work.fail, record=work.record, unrecorded=(Locked, ConfigError, UsageError)
    )


@dataclass
class _Work:
    """One drill, as far as it came."""

    config: Config
    settings: EtcdBackupConfig
    journal: Journal
    copies: Copies
    deadline: Deadline
    say: Say
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    copy: Copy | None = None
    newest: Copy | None = None
    restored: Restored | None = None
    comparison: Comparison | None = None
    listing: Listing = field(default_factory=Listing)
    server: str | None = None
    steps: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    behind: int | None = None  # revisions that live etcd is ahead of the copy
    hindered: list[str] = field(default_factory=list)  # what was asked for, and could not be proven
    unproven: list[str] = field(default_factory=list)  # what was not asked for, or no drill could prove
    ended: tuple[Outcome, str | None] = ("failed", None)

    @classmethod
    def prepared(cls, config: Config, journal: Journal, say: Say) -> _Work:
        """Raises ConfigError and UsageError where something is missing that a drill needs."""
        if config.backup.etcd is None:
            raise ConfigError("backup.etcd is not set in hubops.yaml: there is nothing that a drill could restore")
        for program in ("etcd", "etcdctl", "etcdutl"):
            servers.find(program)
        age.identities(config.drill.identity_files)
        deadline = Deadline(config.drill.etcd.timeout.total_seconds())
        return cls(config, config.backup.etcd, journal, Copies.of(config, deadline=deadline), deadline, say)

    @property
    def directory(self) -> Path:
        return Path(self.config.backup.directory)

    def run(self, wanted: str | None) -> None:
        """All steps, one after the other. Raises what ends them."""
        try:
            with scratch(self.directory) as place:
                self.copy = self._choose(self.copies, wanted)
                snapshot = self._fetch(self.copies, self.copy, place)
                self.restored = self._restore(place, snapshot, self.copy)
                self._compare(self.restored, self.copy)
                self._list(place, self.restored)
        except OSError as error:
            raise Permanent(f"{error.filename or self.directory}: {error.strerror or error}") from error
        self.ended = self._outcome()

    def fail(self, reason: str) -> None:
        self.ended = "failed", reason

    def _choose(self, copies: Copies, wanted: str | None) -> Copy:
        with self._step("find", "looking for the newest copy"):
            found = copies.all()
        if not found:
            raise Permanent(f"there is no copy to restore in {copies.url}")
        self.newest = _newest(found, self.started)
        chosen = next((each for each in found if each.id == wanted), None) if wanted else self.newest
        if chosen is None:
            raise Permanent(f"there is no copy {wanted}; the newest is {self.newest.id}")
        return chosen

    def _fetch(self, copies: Copies, copy: Copy, place: Scratch) -> Path:
        needed, free = 2 * copy.etcd.size + _ROOM, shutil.disk_usage(place.folder).free
        if free < needed:
            raise Permanent(f"{place.folder} has {free >> 20} MiB free, and {needed >> 20} MiB are needed")
        snapshot = place.folder / "snapshot.db"
        with self._step("fetch", f"fetching {copy.id}, {copy.size / 2**20:,.1f} MiB"):
            copies.fetch(copy, self.config.drill.identity_files, snapshot)
        return snapshot

    def _restore(self, place: Scratch, snapshot: Path, copy: Copy) -> Restored:
        restored = restore(place, snapshot, copy, self._step, self.deadline)
        self.versions |= restored.versions
        return restored

    def _compare(self, restored: Restored, copy: Copy) -> None:
        names, settings = Names(self.settings.prefix), self.config.drill.etcd
        with self._step("compare", "comparing every key with live etcd"):
            if not settings.compare:
                self.unproven.append("not compared with live etcd, as drill.etcd.compare says")
                self.comparison = restored.count(names, self.deadline)
                return
            found = live.compare(restored, self.settings, copy, names, self.deadline)
        self.comparison, self.behind = found.comparison, found.behind
        self.hindered += [found.problem] if found.problem else []

    def _list(self, place: Scratch, restored: Restored) -> None:
        settings = self.config.drill.etcd
        if not settings.api_server:
            self.unproven.append("no API server was started on it, as drill.etcd.api_server says")
            return
        program = shutil.which("kube-apiserver")
        if program is None:
            self.unproven.append("no API server was started on it: kube-apiserver is not on PATH")
            return
        assert self.comparison is not None
        try:
            found = api_server.run(
                place, Path(program), restored, self.comparison,
                prefix=self.settings.prefix, encryption_config=settings.encryption_config, step=self._step,
                deadline=self.deadline,
            )  # fmt: skip
        except HubopsError as error:
            self.steps.pop("start kube-apiserver", None)
            self.hindered.append(f"no API server listed it: {error}")
            return
        self.server, self.listing = found.version, found.listing
        self.versions["kube-apiserver"] = found.version
        self.unproven += found.listing.unproven

    @contextmanager
    def _step(self, name: str, words: str) -> Iterator[None]:
        """Say what is done, and keep how many seconds it took."""
        self.say("etcd", words)
        began = time.monotonic()
        yield
        self.steps[name] = round(time.monotonic() - began, 3)

    def _outcome(self) -> tuple[Outcome, str | None]:
        """How the drill ended that came to its end."""
        assert self.comparison is not None
        differences = [*self.comparison.differences, *self.listing.differences]
        if differences:
            total = self.comparison.differences_total + len(self.listing.differences)
            counted = f"{total} differences" if total > 1 else "1 difference"
            first = f"{differences[0].what}: {differences[0].how}"
            return "failed", f"{counted} between the copy and what it is to bring back; {first}"
        if self.hindered:
            return "partial", f"restored, but {'; '.join(self.hindered)}"
        return "succeeded", None

    def record(self) -> Run:
        """The run, over now, as it is kept in the journal."""
        outcome, reason = self.ended
        run = Run(
            id=f"drill-etcd-{self.started:%Y%m%dT%H%M%SZ}",
            kind="etcd",
            action="drill",
            started_at=self.started,
            finished_at=max(datetime.now(UTC), self.started),
            outcome=outcome,
            reason=reason,
            host=socket.gethostname(),
            hubops_version=__version__,
            promised=promised(self.settings.objectives),
            copy=self.copy,
            store=self.copies.url,
            proof=self._proof(),
        )
        return kept(self.journal, run, self.say)

    def _proof(self) -> Proof | None:
        """What was proven; None where nothing that was restored ever answered."""
        copy, newest = self.copy, self.newest
        if copy is None or newest is None or self.restored is None:
            return None
        compared = self.comparison or Comparison()
        listed = {"listed": self.listing.objects} if self.server else {}
        revisions = {"revisions": self.behind} if self.behind is not None else {}
        differences = [*compared.differences, *self.listing.differences]
        return Proof(
            copy=copy.id,
            taken_at=copy.taken_at,
            rpo_s=max((self.started - newest.taken_at).total_seconds(), 0.0),
            rto_s=round(sum(self.steps.get(name, 0.0) for name in _RESTORING), 3),
            steps=self.steps,
            compared={"equal": compared.equal, "decoded": compared.decoded,
                      "encrypted": compared.encrypted.total(), **listed},
            changed_since={**compared.changed, **revisions},
            differences=tuple(differences[:20]),
            differences_total=compared.differences_total + len(self.listing.differences),
            by_resource=dict(sorted(compared.restored.items())),
            live_by_resource=dict(sorted(compared.live.items())),
            by_namespace=dict(compared.restored_in.most_common(_LARGEST)),
            live_by_namespace={name: compared.live_in[name] for name, _ in compared.restored_in.most_common(_LARGEST)},
            proven=tuple(self._proven(copy, compared)) if self.comparison else (),
            unproven=(*self.hindered, *self.unproven),
            server=self.server,
            versions=self.versions,
        )  # fmt: skip

    def _proven(self, copy: Copy, compared: Comparison) -> Iterator[str]:
        assert self.restored is not None
        yield f"{compared.restored.total():,} keys of revision {copy.etcd.revision} are served by etcd again"
        if compared.live:
            yield f"{compared.equal:,} keys that live etcd has not touched since are the same, value and revision"
        if self.server:
            found = self.listing
            yield f"kube-apiserver {self.server} lists {found.objects:,} objects of {found.resources} resources"


def _newest(copies: Sequence[Copy], now: datetime) -> Copy:
    """The newest of *copies* by etcd's own revision, of those of the etcd that is copied now: clocks may lie."""
    current = history(copies, now)
    return max(
        (copy for copy in copies if copy.history == current),
        key=lambda copy: (copy.etcd.revision, copy.taken_at),
        default=copies[0],
    )
