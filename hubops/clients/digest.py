"""Files that are hashed while something else reads or writes them, so that each byte is read once."""

from __future__ import annotations

import hashlib
from typing import BinaryIO, Protocol

#: etcd appends the SHA-256 of a snapshot to it.
TRAILER = 32


class Digest(Protocol):
    """What takes the bytes of a file, in order."""

    def update(self, data: bytes, /) -> None: ...


class Sha256:
    """The size and the SHA-256 of what it was given."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()

    def update(self, data: bytes, /) -> None:
        self.size += len(data)
        self._hash.update(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class SnapshotSha256:
    """The size and the SHA-256 of a snapshot of etcd, and whether it ends with its own, as etcd writes it."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()  # of all but `_held`
        self._held = b""

    def update(self, data: bytes, /) -> None:
        self.size += len(data)
        held = self._held + data
        self._hash.update(held[:-TRAILER])
        self._held = held[-TRAILER:]

    @property
    def sha256(self) -> str:
        whole = self._hash.copy()
        whole.update(self._held)
        return whole.hexdigest()

    @property
    def problem(self) -> str | None:
        """What is wrong with the snapshot, None where it is as etcd sent it."""
        # A database is pages of at least 512 bytes; with the trailer behind them, no multiple of that.
        if self.size % 512 != TRAILER:
            return "the snapshot is truncated: the checksum that etcd appends is missing"
        if self._hash.digest() != self._held:
            return "the snapshot is damaged: it does not match the checksum that etcd appended"
        return None


class Reader:
    """A file to read from that feeds a digest. What a read raised is kept in `error`: libraries change its type."""

    def __init__(self, file: BinaryIO, digest: Digest) -> None:
        self.error: BaseException | None = None
        self._file = file
        self._digest = digest

    def read(self, size: int = -1, /) -> bytes:
        try:
            data = self._file.read(size)
            self._digest.update(data)
        except BaseException as error:
            self.error = error
            raise
        return data


class Writer:
    """A file to write to that feeds a digest. What a write raised is kept in `error`."""

    def __init__(self, file: BinaryIO, digest: Digest) -> None:
        self.error: BaseException | None = None
        self._file = file
        self._digest = digest

    def write(self, data: bytes, /) -> int:
        try:
            written = self._file.write(data)
            self._digest.update(data)
        except BaseException as error:
            self.error = error
            raise
        return written

    def flush(self) -> None:
        try:
            self._file.flush()
        except BaseException as error:
            self.error = error
            raise
