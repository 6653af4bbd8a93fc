"""Snapshots on disk: gzip of one header line and the snapshot as JSON.

The header names the format, and the size and SHA-256 of what follows it, so that a file is refused before anything of
it is believed. Whoever wrote a snapshot can still write anything into it: it is read as data, within bounds.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import tempfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from hubops import __version__
from hubops.errors import SnapshotError
from hubops.model.snapshot import SCHEMA, Snapshot
from hubops.model.text import inert

#: 150,000 pods, the most that Kubernetes supports, with all that belongs to them, are below 200 MiB of trimmed JSON.
MAX_BYTES = 256 * 2**20
#: Kubernetes objects are nested some 20 deep.
MAX_DEPTH = 100
_MAX_HEADER = 4096
_CHUNK = 2**20
_ZONELESS = re.compile(rb'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?"')
_SCHEMA = re.compile(r"hubops\.snapshot/v(\d{1,9})")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    schema: str
    hubops_version: str
    size: int
    sha256: str


def save(snapshot: Snapshot, path: Path) -> None:
    """Write *snapshot* to *path*, readable only by its owner.

    A killed run leaves what was there before. Raises SnapshotError where it cannot be written.
    """
    body = msgspec.json.encode(snapshot)
    header = Header(schema=SCHEMA, hubops_version=__version__, size=len(body), sha256=hashlib.sha256(body).hexdigest())
    content = gzip.compress(msgspec.json.encode(header) + b"\n" + body, compresslevel=6, mtime=0)
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            target.write_bytes(content)  # a pipe or /dev/stdout cannot be replaced
        else:
            _replace(target, content)
    except OSError as error:
        raise SnapshotError(f"{path}: the snapshot cannot be written: {error.strerror or error}") from error


def _replace(target: Path, content: bytes) -> None:
    handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def load(path: Path) -> Snapshot:
    """The snapshot that `save` wrote to *path*.

    Raises SnapshotError for a file that is missing, damaged, cut off, too large, foreign, or of a newer format.
    """
    try:
        with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as file:
            header = _header(path, file.readline(_MAX_HEADER))
            body = _body(path, file, header)
    except gzip.BadGzipFile as error:
        raise SnapshotError(f"{path}: not a hubops snapshot, or damaged: {error}") from error
    except EOFError as error:
        raise SnapshotError(f"{path}: the snapshot is cut off") from error
    except zlib.error as error:
        raise SnapshotError(f"{path}: the snapshot is damaged") from error
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror or error}") from error
    return _snapshot(path, body)


def _header(path: Path, line: bytes) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{path}: not a hubops snapshot") from error
    match = _SCHEMA.fullmatch(header.schema)
    if match is None:
        raise SnapshotError(f"{path}: not a hubops snapshot")
    if header.schema != SCHEMA:
        age = "a newer" if int(match.group(1)) > int(SCHEMA.rpartition("v")[2]) else "another"
        raise SnapshotError(f"{path}: written in the format {header.schema} by {age} hubops; this one reads {SCHEMA}")
    if not 0 <= header.size <= MAX_BYTES:
        raise SnapshotError(f"{path}: the snapshot is larger than {MAX_BYTES >> 20} MiB")
    return header


def _body(path: Path, file: BinaryIO | gzip.GzipFile, header: Header) -> bytes:
    """What follows the header. Decompressed piece by piece: never more is held than the header announced."""
    chunks: list[bytes] = []
    left = header.size
    while left and (chunk := file.read(min(_CHUNK, left))):
        chunks.append(chunk)
        left -= len(chunk)
    body = b"".join(chunks)
    if left or file.read(1) or hashlib.sha256(body).hexdigest() != header.sha256:
        raise SnapshotError(f"{path}: the snapshot is damaged: its content does not match its checksum")
    return body


def _snapshot(path: Path, body: bytes) -> Snapshot:
    try:
        snapshot = msgspec.json.decode(body, type=Snapshot)
    except RecursionError as error:
        raise SnapshotError(f"{path}: nested deeper than any snapshot is") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotError(f"{path}: not the content of a snapshot: {inert(str(error), limit=200)}") from error
    if _has_time_without_zone(snapshot):
        raise SnapshotError(f"{path}: not the content of a snapshot: a time without its zone")
    if snapshot.schema != SCHEMA or not all(map(_is_number, _values(snapshot))):
        raise SnapshotError(f"{path}: not the content of a snapshot: a value that is no number, or another format")
    if any(_deeper(list(items), MAX_DEPTH) for items in snapshot.custom.values()):
        raise SnapshotError(f"{path}: nested deeper than any snapshot is")
    return snapshot


def _has_time_without_zone(snapshot: Snapshot) -> bool:
    """Such a time cannot be compared with others. The text is searched first, because that is quick, and says maybe."""
    if not _ZONELESS.search(msgspec.json.encode(snapshot)):
        return False
    waiting: list[object] = [snapshot]
    while waiting:
        item = waiting.pop()
        if isinstance(item, datetime) and item.tzinfo is None:
            return True
        if isinstance(item, msgspec.Struct):
            waiting.extend(getattr(item, name) for name in item.__struct_fields__)
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
    return False


def _values(snapshot: Snapshot) -> Iterator[str]:
    for answers in (snapshot.metrics, snapshot.log_metrics):
        for samples in answers.values():
            yield from (sample.value for sample in samples)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _deeper(items: list[Any], limit: int) -> bool:
    """Whether *items* are nested deeper than *limit*; level by level, because recursion is what must not happen."""
    for _ in range(limit):
        nested = [item for item in items if isinstance(item, dict | list)]
        if not nested:
            return False
        items = [child for item in nested for child in (item.values() if isinstance(item, dict) else item)]
    return True
