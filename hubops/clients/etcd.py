"""etcdctl, which asks an etcd that runs, and etcdutl, which works on its files: the programs that operators have.

Both come with etcd 3.5 or newer. Of the caller's environment they are given nothing that would change what they do
(ETCDCTL_…): what they are to do stands in hubops.yaml.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from hubops.clients import program
from hubops.clients.program import Running
from hubops.clients.retry import Deadline
from hubops.config.backup import EtcdBackupConfig
from hubops.errors import ConfigError, Permanent, Retryable, SourceError

T = TypeVar("T")

OLDEST = (3, 5)
_ANSWER = 5.0  # seconds that one endpoint has to answer; etcdctl uses all of them where nothing listens
_NEEDED = "etcdctl and etcdutl, 3.5 or newer, save and check snapshots of etcd (they come with etcd's release)"
_DESCRIBED = re.compile(r'"error":"((?:[^"\\]|\\.)*)"')
_PASSING = re.compile(
    r"context deadline exceeded|connection refused|connection reset|i/o timeout|no leader|unavailable|broken pipe"
    r"|leader changed|too many requests|\bEOF\b|required revision is a future revision",
    re.IGNORECASE,
)


class Compacted(Permanent):
    """The revision that was asked for is gone: an etcd keeps old ones for a few minutes only."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One member, as it describes itself; sizes are bytes, ids hexadecimal as etcdctl's tables show them."""

    endpoint: str
    cluster_id: str
    member_id: str
    leader_id: str | None  # None while it knows of no leader
    version: str
    revision: int
    size: int  # of its database file
    in_use: int
    learner: bool = False


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member of an etcd by its name, and where its peers and its clients reach it."""

    name: str
    peer: str
    client: str


class SnapshotStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot file, as etcdutl reads it."""

    hash: str  # of all key-value pairs, hexadecimal
    revision: int
    keys: int  # with those of the revisions that are not compacted
    size: int


class _Header(msgspec.Struct):
    cluster_id: int
    member_id: int
    revision: int = 0


class _Described(msgspec.Struct):
    header: _Header
    version: str
    leader: int = 0
    db_size: int = msgspec.field(default=0, name="dbSize")
    db_size_in_use: int = msgspec.field(default=0, name="dbSizeInUse")
    is_learner: bool = msgspec.field(default=False, name="isLearner")


class _Listed(msgspec.Struct):
    name: str = ""  # of a member that has never started it is not known
    peers: tuple[str, ...] = msgspec.field(default=(), name="peerURLs")
    clients: tuple[str, ...] = msgspec.field(default=(), name="clientURLs")


class _Members(msgspec.Struct):
    members: tuple[_Listed, ...]


class _Endpoint(msgspec.Struct):
    status: _Described = msgspec.field(name="Status")


class _Snapshot(msgspec.Struct):
    hash: int
    revision: int
    keys: int = msgspec.field(name="totalKey")
    size: int = msgspec.field(name="totalSize")


class Etcdctl:
    """etcdctl for one etcd. Methods raise Retryable for what may pass and Permanent for everything else."""

    def __init__(self, config: EtcdBackupConfig, *, environ: Mapping[str, str] = os.environ) -> None:
        """Raises UsageError where there is no etcdctl that fits, ConfigError where the certificates are not there."""
        self._endpoints = config.endpoints
        self._environment = environment(environ)
        self._path = program.find("etcdctl", _NEEDED, environ)
        self._tls = _tls(config)
        self.version = program.version(self._path, "version", oldest=OLDEST, environment=self._environment)

    def status(self, endpoint: str, *, timeout: float = _ANSWER) -> Status:
        """What the member at *endpoint* says of itself within *timeout* seconds."""
        words = ["endpoint", "status", "--write-out", "json", f"--command-timeout={timeout:.0f}s"]
        said = self._run(endpoint, words, timeout=timeout + _ANSWER)
        found = _decoded(said, list[_Endpoint], "etcdctl endpoint status")
        if not found:
            raise Permanent(f"{endpoint}: etcdctl endpoint status answered nothing")
        described = found[0].status
        return Status(
            endpoint=endpoint,
            cluster_id=f"{described.header.cluster_id:x}",
            member_id=f"{described.header.member_id:x}",
            leader_id=f"{described.leader:x}" if described.leader else None,
            version=described.version,
            revision=described.header.revision,
            size=described.db_size,
            in_use=described.db_size_in_use,
            learner=described.is_learner,
        )

    def first(self, *, timeout: float = _ANSWER) -> Status:
        """The first endpoint that answers and knows a leader, or else the first that answers.

        Raises the error of the first one where none does.
        """
        without: list[Status] = []
        errors: list[SourceError] = []
        for endpoint in self._endpoints:
            try:
                found = self.status(endpoint, timeout=timeout)
            except SourceError as error:
                errors.append(error)
                continue
            if found.leader_id and not found.learner:
                return found
            without.append(found)
        if not without:
            raise errors[0] if errors else ConfigError("backup.etcd.endpoints is empty")
        return without[0]

    def members(self, *, timeout: float = _ANSWER) -> tuple[Member, ...]:
        """The members that have ever started, as the first endpoint knows them that answers; raises as `first` does."""
        endpoint = self.first(timeout=timeout).endpoint
        words = ["member", "list", "--write-out", "json", f"--command-timeout={timeout:.0f}s"]
        said = self._run(endpoint, words, timeout=timeout + _ANSWER)
        listed = _decoded(said, _Members, "etcdctl member list").members
        started = [each for each in listed if each.name and each.peers and each.clients]
        return tuple(Member(name=each.name, peer=each.peers[0], client=each.clients[0]) for each in started)

    def save(self, endpoint: str, path: Path, *, deadline: Deadline) -> None:
        """Save a snapshot of the member at *endpoint* as the file *path*, which only its owner can read.

        etcdctl writes *path*.part beside it, and renames it when it is whole.
        """
        timeout = deadline.bound(deadline.seconds)
        self._run(endpoint, ["snapshot", "save", str(path), f"--command-timeout={timeout:.0f}s"], timeout=timeout)

    def get(self, endpoint: str, key: str, *flags: str, timeout: float) -> str:
        """What `etcdctl get` answers about *key*, as JSON; raises Compacted, too."""
        words = ["get", "--write-out", "json", f"--command-timeout={timeout:.0f}s", *flags]
        return self._run(endpoint, words, "--", key, timeout=timeout + _ANSWER)

    def _run(self, endpoint: str, words: Sequence[str], *rest: str, timeout: float) -> str:
        tls = self._tls if endpoint.startswith("https://") else ()
        running = Running([self._path, *words, "--endpoints", endpoint, *tls, *rest], self._environment)
        code, said, complained = running.result(timeout)
        if code:
            raise _failure(f"{endpoint}: {running.name}", complained)
        return said


class Etcdutl:
    """etcdutl. Methods raise Permanent where a snapshot is damaged, and Retryable where it takes too long."""

    def __init__(self, *, environ: Mapping[str, str] = os.environ) -> None:
        """Raises UsageError where there is no etcdutl that fits."""
        self._environment = environment(environ)
        self._path = program.find("etcdutl", _NEEDED, environ)
        self.version = program.version(self._path, "version", oldest=OLDEST, environment=self._environment)

    def begin_status(self, path: Path) -> Running:
        """etcdutl reading the snapshot *path*, at work; `read_status` says what it found."""
        return Running([self._path, "snapshot", "status", "--write-out", "json", str(path)], self._environment)

    def read_status(self, running: Running, *, timeout: float) -> SnapshotStatus:
        """What *running* found. A damaged file ends etcdutl in ways of its own: all of them are Permanent."""
        code, said, complained = running.result(timeout)
        if code:
            raise Permanent(f"etcdutl cannot read the snapshot: {complaint(complained)}")
        found = _decoded(said, _Snapshot, "etcdutl snapshot status")
        return SnapshotStatus(hash=f"{found.hash:x}", revision=found.revision, keys=found.keys, size=found.size)

    def status(self, path: Path, *, timeout: float) -> SnapshotStatus:
        """What the snapshot *path* holds, after reading all of it."""
        return self.read_status(self.begin_status(path), timeout=timeout)

    def restore(self, path: Path, data: Path, *arguments: str, timeout: float) -> None:
        """Make the data folder *data*, which must not exist, from the snapshot *path*; its trailer is checked.

        *arguments* are flags such as --name and --initial-cluster.
        """
        argv = [self._path, "snapshot", "restore", str(path), "--data-dir", str(data), *arguments]
        code, _, complained = Running(argv, self._environment).result(timeout)
        if code:
            raise Permanent(f"etcdutl snapshot restore: {complaint(complained)}")


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """*environ* without what etcd's programs would take for flags."""
    return {name: value for name, value in environ.items() if not name.startswith(("ETCDCTL_", "ETCD_"))}


def complaint(complained: str) -> str:
    """Why etcdctl or etcdutl ended, in one line of what it wrote: its last error, and what a log line said beneath."""
    lines = [line.strip() for line in complained.splitlines() if line.strip()]
    plain = [line for line in lines if not line.startswith("{")]
    said = next(
        (line for line in reversed(plain) if line.startswith(("Error: ", "Failed "))), plain[0] if plain else ""
    )
    beneath = [match[1].replace('\\"', '"').replace("\\\\", "") for match in map(_DESCRIBED.search, lines) if match]
    if beneath and ("context deadline exceeded" in said or not said):
        said = beneath[-1].partition(" desc = ")[2] or beneath[-1]
    return program.words(said.removeprefix("Error: "))


def _failure(what: str, complained: str) -> SourceError:
    said = complaint(complained)
    if "required revision has been compacted" in complained:
        return Compacted(f"{what}: {said}")
    kind = Retryable if _PASSING.search(complained) and "tls: " not in complained else Permanent
    return kind(f"{what}: {said}")


def _tls(config: EtcdBackupConfig) -> tuple[str, ...]:
    """etcdctl's flags for TLS. Raises ConfigError for a file that is not there or not ours to read."""
    if not any(endpoint.startswith("https://") for endpoint in config.endpoints):
        return ()
    flags: list[str] = []
    for key, flag in (("ca_file", "--cacert"), ("cert_file", "--cert"), ("key_file", "--key")):
        path = getattr(config, key)
        try:
            with Path(path).open("rb"):
                flags += [flag, path]
        except OSError as error:
            raise ConfigError(f"backup.etcd.{key}: {path}: {error.strerror or error}") from error
    return tuple(flags)


def _decoded(said: str, into: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(said, type=into)
    except msgspec.DecodeError as error:
        raise Permanent(f"{what} answered something else than it is documented to: {error}") from error
