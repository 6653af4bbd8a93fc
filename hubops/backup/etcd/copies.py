"""The copies of one cluster's etcd in one store, each with its record.

<cluster>/etcd/<id>.db.age is the snapshot, encrypted (<id>.db where it is not), and <id>.json its record. The record is
written last, when the file was read back, and removed first: only what has one is a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from hubops.clients import age
from hubops.clients.digest import Reader, Sha256, SnapshotSha256, Writer
from hubops.clients.retry import Deadline
from hubops.clients.store import Store, Stored
from hubops.config import Config
from hubops.errors import ConfigError, Permanent, SourceError
from hubops.model.backup import COPY_SCHEMA, Copy

_RECORD = ".json"
_FILES = (".db.age", ".db")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Damaged(Permanent):
    """A copy is not what its record says."""


#: How long an upload may take before its file is taken for one that nobody will finish.
_UPLOAD = timedelta(days=1)


@dataclass(frozen=True)
class Found:
    """What a store holds; `unfinished` are files without a record, `unreadable` why a record could not be read."""

    copies: tuple[Copy, ...] = ()  # newest first
    unfinished: tuple[Stored, ...] = ()
    unreadable: tuple[str, ...] = ()

    def abandoned(self, now: datetime) -> tuple[str, ...]:
        """The ids of what was sent more than a day before *now*, and never became a copy."""
        old = (each for each in self.unfinished if each.modified < now - _UPLOAD)
        return tuple(dict.fromkeys(each.name.rpartition("/")[2].partition(".")[0] for each in old))


class Copies:
    """The copies of *cluster* in *store*; they lie in the folder `folder` below `url`."""

    def __init__(self, store: Store, cluster: str) -> None:
        self._store = store
        self.folder = f"{_UNSAFE.sub('_', cluster)}/etcd"
        self.url = store.url

    @classmethod
    def of(cls, config: Config, *, deadline: Deadline | None = None) -> Copies:
        """The off-site copies that *config* names. Raises ConfigError where it names none."""
        if config.backup.store is None:
            raise ConfigError("backup.store is not set in hubops.yaml: there is nowhere that copies are sent to")
        return cls(Store(config.backup.store, deadline=deadline), cluster_name(config))

    def all(self) -> tuple[Copy, ...]:
        """The copies, newest first. Raises Permanent where a record cannot be read: it may be the newest one's."""
        found = self.found()
        if found.unreadable:
            raise Permanent(found.unreadable[0])
        return found.copies

    def found(self) -> Found:
        """The copies, and what else lies among them. Raises SourceError where the store cannot be listed."""
        stored = {each.name.rpartition("/")[2]: each for each in self._store.list(self.folder)}
        copies, unreadable = [], []
        for name in stored:
            if name.endswith(_RECORD):
                try:
                    copies.append(self._read(name, stored))
                except SourceError as error:
                    unreadable.append(str(error))
        named = {name.removesuffix(_RECORD) for name in stored if name.endswith(_RECORD)}
        unfinished = [each for name, each in stored.items() if name.partition(".")[0] not in named]
        copies.sort(key=lambda copy: (copy.taken_at, copy.id), reverse=True)
        return Found(tuple(copies), tuple(unfinished), tuple(unreadable))

    def put(self, copy: Copy, path: Path) -> None:
        """Send the file *path* as *copy*, read it back, and write the record only if both are the same.

        Raises SourceError; what could not be sent whole is removed again, as far as the store lets it.
        """
        sent = Sha256()
        try:
            self._store.put(self._name(copy.file), path, check=sent)
            if (sent.size, sent.sha256) != (copy.size, copy.sha256):
                raise Permanent(f"{path} changed while it was sent")
            self.verify(copy)
            self._store.put_bytes(self._name(copy.id + _RECORD), record(copy))
            if self._read_record(copy.id + _RECORD) != copy:
                raise Permanent(f"{self.url}: the record of {copy.id} was stored as something else")
        except SourceError:
            self.discard(copy.id)
            raise

    def verify(self, copy: Copy) -> None:
        """Read *copy* as it is stored. Raises Damaged where it is not what its record says."""
        with self._there(copy):
            self._same(copy, self._store.digest(self._name(copy.file)))

    def fetch(self, copy: Copy, identity_files: Sequence[str], to: Path) -> None:
        """Write the snapshot that *copy* holds to the new file *to*, which only its owner can read.

        The checksums of what is stored and of the snapshot, and the one that etcd appended, are compared. Raises
        Damaged where one differs, and Permanent where none of the identities fits; *to* is not there then.
        """
        if copy.encrypted and not identity_files:
            raise ConfigError(f"{copy.id} is encrypted: name the files of identities in drill.identity_files")
        identities = age.identities(identity_files) if copy.encrypted else ()
        stored = to.with_name(to.name + ".stored")
        try:
            with self._there(copy):
                self._same(copy, self._store.get(self._name(copy.file), stored))
            _open(copy, stored, identities, to)
        except BaseException:
            to.unlink(missing_ok=True)
            raise
        finally:
            stored.unlink(missing_ok=True)

    def delete(self, copy: Copy) -> None:
        """Remove *copy*: from then on it does not count, also where the store fails before its file is gone."""
        self._store.delete(self._name(copy.id + _RECORD))
        self._store.delete(self._name(copy.file))

    def discard(self, name: str) -> None:
        """Remove whatever there is of the copy that would have had the id *name*, where the store can."""
        with suppress(SourceError):
            for suffix in (_RECORD, *_FILES):
                self._store.delete(self._name(name + suffix))

    def _name(self, file: str) -> str:
        return f"{self.folder}/{file}"

    def _read(self, name: str, stored: dict[str, Stored]) -> Copy:
        copy = self._read_record(name)
        if copy.id + _RECORD != name or copy.file not in [copy.id + suffix for suffix in _FILES]:
            raise Permanent(f"{self.url}: {self._name(name)} is the record of something else")
        if copy.file not in stored:
            raise Permanent(f"{self.url}: {self._name(copy.file)} is missing, though its record is there")
        return copy

    def _read_record(self, name: str) -> Copy:
        where = f"{self.url}: {self._name(name)}"
        try:
            copy = msgspec.json.decode(self._store.read_bytes(self._name(name)), type=Copy)
        except msgspec.DecodeError as error:
            raise Permanent(f"{where} is no record of a copy: {error}") from error
        if copy.schema != COPY_SCHEMA:
            raise Permanent(f"{where} was written by a newer hubops ({copy.schema})")
        return copy

    @contextmanager
    def _there(self, copy: Copy) -> Iterator[None]:
        try:
            yield
        except Permanent as error:
            if error.status != 404:
                raise
            raise Damaged(f"{self.url}: {self._name(copy.file)} is missing, though its record was there") from error

    def _same(self, copy: Copy, found: Sha256) -> None:
        where = f"{self.url}: {self._name(copy.file)}"
        if found.size != copy.size:
            raise Damaged(f"{where} has {found.size:,} bytes, and its record says {copy.size:,}")
        if found.sha256 != copy.sha256:
            raise Damaged(f"{where} is damaged: it does not match the checksum in its record")


def cluster_name(config: Config) -> str:
    """The name that copies lie under. Raises ConfigError where hubops.yaml gives none: it has to be known when
    nothing of the cluster is left.
    """
    if not config.cluster or not _NAME.search(config.cluster):
        raise ConfigError("cluster is not set in hubops.yaml: copies of etcd lie under the cluster's name")
    return config.cluster


def record(copy: Copy) -> bytes:
    """*copy* as its record."""
    return msgspec.json.format(msgspec.json.encode(copy), indent=2) + b"\n"


def _open(copy: Copy, stored: Path, identities: Sequence[age.Identity], to: Path) -> None:
    digest = SnapshotSha256()
    with stored.open("rb") as source, to.open("xb") as target:
        to.chmod(0o600)
        if copy.encrypted:
            try:
                age.decrypt(Reader(source, Sha256()), Writer(target, digest), identities)
            except age.NotForUs as error:
                raise Permanent(f"{copy.id}: {error}") from error
            except Permanent as error:
                raise Damaged(f"{copy.id}: {error}") from error
        else:
            writer = Writer(target, digest)
            while piece := source.read(2**20):
                writer.write(piece)
    if digest.problem:
        raise Damaged(f"{copy.id}: {digest.problem}")
    if digest.sha256 != copy.plain_sha256:
        raise Damaged(f"{copy.id}: the snapshot in it does not match the checksum in its record")
