"""The folder of backups of etcd on this machine: one run at a time, what it makes, and the copies that stay here.

<directory>/etcd/        0700, as are its folders; its files are 0600
  work/<id>/             what a run makes: the plain snapshot is here, and nowhere else
  work.lock              held by the run at work; the kernel gives it back however that ends
  verify/, verify.lock   the same of verifications
  copies/<cluster>/etcd  local copies, as they lie in a store
  aside/<cluster>/etcd   snapshots that are no backups: of another etcd, or of an earlier revision
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from hubops.backup.etcd.copies import Copies, cluster_name, record
from hubops.clients.store import Store
from hubops.config import Config
from hubops.config.backup import StoreConfig
from hubops.errors import ConfigError, Locked, Permanent
from hubops.model.backup import Copy
from hubops.model.quantity import human_bytes

#: Beside the snapshot and its encrypted copy: the disk may be etcd's own, and is never filled to its end.
_MARGIN = 64 * 2**20
_ASIDE = 2  # snapshots that are kept aside


class Workplace:
    """The folder *directory* for backups of the etcd of *cluster*; *purpose* is what its runs are for."""

    def __init__(self, directory: Path, cluster: str, purpose: Literal["work", "verify"] = "work") -> None:
        self._home = directory.absolute() / "etcd"
        self._work = self._home / purpose
        self.local = Copies(Store(StoreConfig(url=f"file://{self._home}/copies")), cluster)
        self._aside = Copies(Store(StoreConfig(url=f"file://{self._home}/aside")), cluster)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Whatever the block makes here, nobody else can read. Raises Locked while another run is at work here."""
        before = os.umask(0o077)
        try:
            with self._locked():
                yield
        finally:
            os.umask(before)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            for folder in (self._home, self._work, self._home / "copies", self._home / "aside"):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o700)
            lock = self._work.with_suffix(".lock").open("a+")
        except OSError as error:
            raise ConfigError(f"backup.directory: {error.filename}: {error.strerror or error}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip() or "a process that has just begun"
                raise Locked(f"another run is at work in {self._work}: {holder}") from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()}\n")
            lock.flush()
            yield

    def leftovers(self) -> tuple[str, ...]:
        """The ids of runs that were killed. To be called while the lock is held."""
        return tuple(sorted(path.name for path in self._work.iterdir()))

    def begin(self, name: str) -> Path:
        """A new folder for what the run *name* makes."""
        folder = self._work / name
        folder.mkdir()
        return folder

    def end(self, name: str) -> None:
        """Remove what the run *name* made; nothing happens where it is gone. Raises Permanent where it stays."""
        folder = self._work / name
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise Permanent(f"{folder} could not be removed: it may hold a snapshot that is not encrypted")

    @property
    def has_copies(self) -> bool:
        """Whether there is a place for local copies yet."""
        return (self._home / "copies").is_dir()

    def make_sure_of_room(self, size: int) -> None:
        """Raises Permanent where a snapshot of *size* bytes and its encrypted copy find no room."""
        needed, free = 2 * size + _MARGIN, shutil.disk_usage(self._work).free
        if free < needed:
            raise Permanent(f"{self._home} has {human_bytes(free)} free, and {human_bytes(needed)} are needed")

    def keep(self, copy: Copy, file: Path) -> Path:
        """Move *file* to the local copies, with its record; where it lies then."""
        return _place(copy, file, self._home / "copies" / self.local.folder)

    def keep_aside(self, copy: Copy, file: Path) -> Path:
        """Move *file* to what is no backup; the newest ones of these stay."""
        placed = _place(copy, file, self._home / "aside" / self._aside.folder)
        for older in self._aside.found().copies[_ASIDE:]:
            if older.id != copy.id:
                self._aside.delete(older)
        return placed


def here(config: Config) -> Copies:
    """The copies on this machine. Raises Permanent where none was ever made here."""
    place = Workplace(Path(config.backup.directory), cluster_name(config))
    if not place.has_copies:
        raise Permanent(f"{config.backup.directory} holds no copies of etcd, and backup.store is not set")
    return place.local


def _place(copy: Copy, file: Path, folder: Path) -> Path:
    """Move *file* into *folder*, then write its record: each is there whole or not at all, whenever power fails."""
    folder.mkdir(parents=True, exist_ok=True)
    placed = file.rename(folder / copy.file)
    scratch = file.with_name(f"{copy.id}.json")
    with scratch.open("wb") as target:
        target.write(record(copy))
        target.flush()
        os.fsync(target.fileno())
    scratch.rename(folder / scratch.name)
    with suppress(OSError):  # some network file systems cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return placed
