"""A snapshot of etcd made into the file that is kept: read once, while it is checked, hashed and encrypted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hubops.clients import age
from hubops.clients.digest import Reader, Sha256, SnapshotSha256, Writer
from hubops.clients.etcd import Etcdutl, SnapshotStatus
from hubops.clients.retry import Deadline
from hubops.errors import Permanent

_PIECE = 2**20


@dataclass(frozen=True)
class Sealed:
    """What was made of a snapshot: `size` and `sha256` are of the file, `plain_sha256` of the snapshot in it."""

    status: SnapshotStatus
    plain_sha256: str
    size: int
    sha256: str


def seal(plain: Path, target: Path, to: Sequence[age.Recipient], etcdutl: Etcdutl, deadline: Deadline) -> Sealed:
    """Write the snapshot *plain* to the new file *target*, encrypted for *to*, or as it is where there are none.

    The checksum that etcd appended is compared, and etcdutl reads all of it at the same time. *target* is there whole
    or not at all. Raises Permanent where the snapshot is damaged or there is no room for the file.
    """
    part = target.with_name(target.name + ".part")
    reading = etcdutl.begin_status(plain)
    try:
        snapshot, sealed = _write(plain, part, to, deadline)
        if snapshot.problem:
            raise Permanent(snapshot.problem)
        status = etcdutl.read_status(reading, timeout=deadline.bound(deadline.seconds))
    except OSError as error:
        raise Permanent(f"{error.filename or part}: {error.strerror or error}") from error
    finally:
        reading.end()
    part.rename(target)
    return Sealed(status, snapshot.sha256, sealed.size, sealed.sha256)


def _write(plain: Path, part: Path, to: Sequence[age.Recipient], deadline: Deadline) -> tuple[SnapshotSha256, Sha256]:
    snapshot, sealed = _Bounded(deadline), Sha256()
    with plain.open("rb") as source, part.open("xb") as file:
        reader, writer = Reader(source, snapshot), Writer(file, sealed)
        if to:
            age.encrypt(reader, writer, to)
        else:
            while piece := reader.read(_PIECE):
                writer.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return snapshot, sealed


class _Bounded(SnapshotSha256):
    """It ends the reading with OutOfTime once the deadline is over."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def update(self, data: bytes, /) -> None:
        self._deadline.bound(1.0)
        super().update(data)
