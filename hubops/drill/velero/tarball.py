"""The objects of namespaces, as a backup of Velero holds them: a gzipped tar, read once from its beginning to its end.

    metadata/version                                                     1.1.0
    resources/<resource.group>/namespaces/<namespace>/<name>.json        in the version that the cluster preferred
    resources/<resource.group>/cluster/<name>.json
    resources/<resource.group>/<version>[-preferredversion]/…            the same once more, for restores elsewhere

Whoever can write to the store can write a tarball: nothing is extracted, a path has to say what is in its file, and
what it takes of memory and time has limits. No text of an object is in an error.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hubops.drill.velero.concealed import Concealer
from hubops.drill.velero.objects import Key, Object
from hubops.errors import Permanent
from hubops.model.text import inert

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 2**20
_HEADER_BYTES = 2**16  # of a long name
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)
_VERSION = "metadata/version"
_DAMAGED = (OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class Limits:
    """Bytes: of one object, of all objects that are kept, and of the whole tar when it is unpacked."""

    item: int = 32 * 2**20  # an API server takes objects of 3 MiB
    kept: int = 512 * 2**20
    total: int = 16 * 2**30


class _Entry(NamedTuple):
    name: str
    kind: bytes
    size: int


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What everybody who reads an object relies upon."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: tuple[str, ...] | None = None
    owner_references: tuple[dict[str, Any], ...] | None = None


def contents(
    path: Path, namespaces: Collection[str], concealer: Concealer, limits: Limits | None = None
) -> dict[Key, Object]:
    """All objects in *namespaces*, Secrets without their values. Raises as `objects` does."""
    return dict(objects(path, namespaces, concealer, limits))


def objects(
    path: Path, namespaces: Collection[str], concealer: Concealer, limits: Limits | None = None
) -> Iterator[tuple[Key, Object]]:
    """Each object in *namespaces*, one after the other, Secrets without their values.

    Raises Permanent where the tarball is damaged, truncated, larger than *limits*, or not as Velero writes it.
    """
    try:
        with gzip.open(path) as unpacked:
            tar = _Tar(unpacked, limits or Limits())
            yield from _objects(tar, frozenset(namespaces), concealer)
    except _DAMAGED as error:
        raise Permanent(f"the backup's tarball cannot be read: {inert(str(error), limit=200)}") from None


def _objects(tar: _Tar, namespaces: frozenset[str], concealer: Concealer) -> Iterator[tuple[Key, Object]]:
    version = ""
    for entry in tar:
        if entry.name == _VERSION:
            version = tar.content(entry).decode("ascii", "replace").strip()
        elif (key := _key(entry.name)) and key.namespace in namespaces:
            yield key, concealer.concealed(key.resource, _object(key, tar.content(entry)))
    if version.partition(".")[0] != "1":
        said = f"has the format {inert(version, limit=20)}" if version else "says nothing about its format"
        raise _foreign(said)


def _key(path: str) -> Key | None:
    """What lies at *path*; None where it is in no namespace, or once more in another version."""
    match path.split("/"):
        case ["resources", resource, "namespaces", namespace, file] if file.endswith(".json"):
            return Key(resource, namespace, file.removesuffix(".json"))
    return None


def _object(key: Key, document: bytes) -> Object:
    where = inert("/".join(key), limit=200)
    try:
        item = msgspec.json.decode(document, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _foreign(f"holds what is no object of Kubernetes at {where}") from None
    try:
        metadata = msgspec.convert(item.get("metadata"), _Metadata)
    except msgspec.ValidationError:
        raise _foreign(f"holds what is no object of Kubernetes at {where}") from None
    if (metadata.namespace, metadata.name) != key[1:]:
        raise _foreign(f"holds another object than the path says at {where}")
    return item


def _foreign(said: str) -> Permanent:
    return Permanent(f"the backup's tarball is not as Velero writes it: it {said}")


class _Tar:
    """The entries of a tar, in order: each has to be read, or is passed over, before the next."""

    def __init__(self, unpacked: gzip.GzipFile, limits: Limits) -> None:
        self._file = unpacked
        self._limits = limits
        self._read = 0
        self._kept = 0
        self._rest = 0  # of the entry at hand, with what fills its last block

    def __iter__(self) -> Iterator[_Entry]:
        renamed: dict[str, str] = {}
        while (entry := self._header()) is not None:
            if entry.kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
                renamed |= self._extended(entry)
                continue
            entry = entry._replace(name=renamed.get("path", entry.name), size=_number(renamed, entry.size))
            renamed = {}
            self._rest = _padded(entry.size)
            if entry.kind == tarfile.DIRTYPE:
                pass
            elif entry.kind not in _REGULAR:
                raise _foreign(f"holds something else than files at {inert(entry.name, limit=200)}")
            elif not _is_plain(entry.name):
                raise _foreign(f"holds the path {inert(entry.name, limit=200)!r}")
            else:
                yield entry
            self._pass_over()
        while self._exactly(_CHUNK, whole=False):  # to the checksum at the end
            pass

    def content(self, entry: _Entry) -> bytes:
        """What the entry holds, which is the one at hand."""
        if entry.size > self._limits.item:
            raise _foreign(f"holds more than {self._limits.item >> 20} MiB at {inert(entry.name, limit=200)}")
        self._kept += entry.size
        if self._kept > self._limits.kept:
            raise Permanent(f"the backup holds more than {self._limits.kept >> 20} MiB of objects in these namespaces")
        content = self._exactly(entry.size)
        self._rest -= entry.size
        return content

    def _header(self) -> _Entry | None:
        """The next entry; None at the end, which is a block of zeros: without it something is missing."""
        block = self._exactly(_BLOCK)
        if not block.strip(b"\0"):
            return None
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            raise _foreign("has a damaged entry") from None
        if info.size < 0:
            raise _foreign("has a damaged entry")
        return _Entry(info.name, info.type, info.size)

    def _extended(self, entry: _Entry) -> dict[str, str]:
        """What a header before an entry says of it: names that are too long for the entry's own."""
        if entry.size > _HEADER_BYTES:
            raise _foreign("has a damaged entry")
        content = self._exactly(_padded(entry.size))[: entry.size]
        if entry.kind == tarfile.GNUTYPE_LONGNAME:
            return {"path": content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
        return _records(content) if entry.kind == tarfile.XHDTYPE else {}

    def _pass_over(self) -> None:
        while self._rest:
            self._rest -= len(self._exactly(min(self._rest, _CHUNK)))

    def _exactly(self, size: int, *, whole: bool = True) -> bytes:
        parts: list[bytes] = []
        missing = size
        while missing and (part := self._file.read(min(missing, _CHUNK))):
            parts.append(part)
            missing -= len(part)
            self._read += len(part)
            if self._read > self._limits.total:
                raise Permanent(f"the backup's tarball holds more than {self._limits.total >> 20} MiB")
        if missing and whole:
            raise Permanent("the backup's tarball is truncated")
        return b"".join(parts)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _is_plain(name: str) -> bool:
    """Whether *name* stays below the folder that it would be extracted to, as all of Velero's do."""
    return all(part not in ("", ".", "..") and "\0" not in part for part in name.split("/"))


def _records(content: bytes) -> dict[str, str]:
    """The records of a pax header: "<length> <key>=<value>\\n" (POSIX.1-2001, pax)."""
    found: dict[str, str] = {}
    while content:
        length, space, _ = content.partition(b" ")
        if not space or not length.isdigit() or not len(length) + 1 < int(length[:9]) <= len(content):
            raise _foreign("has a damaged entry")
        record, content = content[: int(length)], content[int(length) :]
        name, _, value = record[len(length) + 1 :].partition(b"=")
        found[name.decode("utf-8", "replace")] = value.removesuffix(b"\n").decode("utf-8", "surrogateescape")
    return found


def _number(records: dict[str, str], size: int) -> int:
    said = records.get("size", "")
    if not said:
        return size
    if not (said.isascii() and said.isdigit() and len(said) < 20):
        raise _foreign("has a damaged entry")
    return int(said)
