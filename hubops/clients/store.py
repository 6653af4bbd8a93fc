"""The store that copies are sent to: S3, Google Cloud Storage, Azure Blob Storage, or a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store

from hubops.clients.digest import Digest, Sha256
from hubops.clients.retry import Deadline
from hubops.config.backup import StoreConfig
from hubops.errors import ConfigError, Permanent, Retryable, SourceError
from hubops.model.text import inert, redact

_SCHEMES = "s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///folder"
#: Bytes of one part of an upload, and how many are under way: what an upload takes of memory. S3 takes 10,000 parts.
_MULTIPART: dict[str, Any] = {"use_multipart": True, "chunk_size": 8 * 2**20, "max_concurrency": 4}
#: Bytes that are read at once.
_PIECE = 2**20
_RETRIES = 4
_SAID = 400  # characters of a server's message that are kept
_LARGEST = 16 * 2**20  # bytes of something that is read as a whole
_STATUS = re.compile(r"status code: (\d{3})|\bHTTP error: (\d{3})|\((\d{3}) [A-Z][a-z]")
#: What obstore says before what went wrong: the URL has the name of the object, which our own words have.
_PREAMBLE = re.compile(r"Generic \S+ error: |Error performing \w+ \S+ in [^-]*- ")
_S3_ERROR = re.compile(r"<Code>([^<]*)</Code>(?:.*?<Message>([^<]*)</Message>)?", re.DOTALL)


@dataclass(frozen=True)
class Stored:
    """Something in a store; `name` is below the URL of the store, `size` bytes."""

    name: str
    size: int
    modified: datetime


class Store:
    """One store. Methods raise Retryable for what may pass, after trying again, and Permanent for everything else.

    They are to be called in the main thread: ^C ends them between two pieces.
    """

    def __init__(self, config: StoreConfig, *, deadline: Deadline | None = None) -> None:
        """Raises ConfigError where the URL cannot be used. Nothing is asked of the store yet."""
        self.url = config.url.rstrip("/")
        self._open = _opened(config)
        self._deadline = deadline

    def put(self, name: str, path: Path, *, check: Digest | None = None) -> None:
        """Send the file *path* as *name*, whole or not at all; *check* is given the bytes on the way."""
        with path.open("rb") as file, self._translated(f"writing {name}"):
            obstore.put(self._open(), name, self._read(file, check or Sha256()), **_MULTIPART)

    def put_bytes(self, name: str, data: bytes) -> None:
        """Store *data* as *name*, in one request."""
        with self._translated(f"writing {name}"):
            obstore.put(self._open(), name, data, use_multipart=False)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of *name*, piece by piece."""
        with self._translated(f"reading {name}"):
            for piece in obstore.get(self._open(), name).stream(min_chunk_size=_PIECE):
                self._go_on()
                yield bytes(piece)

    def digest(self, name: str) -> Sha256:
        """The size and SHA-256 of *name*, after reading all of it."""
        digest = Sha256()
        for piece in self.pieces(name):
            digest.update(piece)
        return digest

    def get(self, name: str, path: Path) -> Sha256:
        """Read *name* into the new file *path*, which only its owner can read; its size and SHA-256."""
        digest = Sha256()
        with path.open("xb") as file:
            path.chmod(0o600)
            for piece in self.pieces(name):
                digest.update(piece)
                file.write(piece)
        return digest

    def read_bytes(self, name: str, *, limit: int = _LARGEST) -> bytes:
        """All of *name*. Raises Permanent where it is larger than *limit*."""
        content = bytearray()
        for piece in self.pieces(name):
            content += piece
            if len(content) > limit:
                raise Permanent(f"{self.url}: {name} is larger than {limit:,} bytes")
        return bytes(content)

    def list(self, prefix: str) -> tuple[Stored, ...]:
        """What lies below the folder *prefix*, by name."""
        with self._translated(f"listing {prefix}"):
            pages = obstore.list(self._open(), prefix)
            found = [Stored(each["path"], each["size"], each["last_modified"]) for page in pages for each in page]
        return tuple(sorted(found, key=lambda each: each.name))

    def delete(self, name: str) -> None:
        """Remove *name*; nothing happens where it is gone."""
        try:
            with self._translated(f"removing {name}"):
                obstore.delete(self._open(), name)
        except Permanent as error:
            if error.status != 404:
                raise

    def _read(self, file: BinaryIO, digest: Digest) -> Iterator[bytes]:
        while piece := file.read(_PIECE):
            self._go_on()
            digest.update(piece)
            yield piece

    def _go_on(self) -> None:
        """Raises OutOfTime once the deadline is over."""
        if self._deadline:
            self._deadline.bound(1.0)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise Permanent(f"{self.url}: {doing}: it is not there", status=404) from error
        except (BaseError, OSError, ValueError) as error:
            raise _failure(f"{self.url}: {doing}", error) from error


def _opened(config: StoreConfig) -> Callable[[], ObjectStore]:
    parts = urlsplit(config.url)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(f"backup.store.url: write nothing but where the store is: {_SCHEMES}")
    if parts.scheme == "file" and not parts.netloc:
        return partial(_folder, Path(parts.path))
    kinds: dict[str, type[Any]] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    if parts.scheme not in kinds or not parts.netloc:
        raise ConfigError(f"backup.store.url: {config.url!r} is no store: {_SCHEMES}")
    arguments: dict[str, Any] = {"prefix": parts.path.strip("/") or None, "client_options": _client(config)}
    arguments["retry_config"] = {"max_retries": _RETRIES, "retry_timeout": _RETRIES * config.timeout}
    if parts.scheme == "s3":
        arguments |= {"region": config.region} if config.region else {}
        arguments |= {"endpoint": config.endpoint} if config.endpoint else {}
    if parts.scheme == "az":
        arguments |= {"account_name": config.account} if config.account else {}
        arguments |= {"endpoint": config.endpoint} if config.endpoint else {}
    try:
        opened: ObjectStore = kinds[parts.scheme](parts.netloc, **arguments)
    except (BaseError, ValueError) as error:
        raise ConfigError(f"backup.store: {_words(error)}") from error
    return lambda: opened


def _folder(path: Path) -> ObjectStore:
    """A folder that is there already: one that is made anew would be on the disk that a missing mount leaves bare."""
    if not path.is_dir():
        raise Permanent(f"{path} is no folder; is what it is on mounted?")
    return LocalStore(path)


def _client(config: StoreConfig) -> dict[str, Any]:
    """The options of the HTTP client: *timeout* is how long it may be silent, however long a request takes."""
    options: dict[str, Any] = {
        "allow_http": config.allow_http,
        "connect_timeout": timedelta(seconds=config.timeout.total_seconds()),
        "read_timeout": timedelta(seconds=config.timeout.total_seconds()),
        "timeout": timedelta(days=1),
        "user_agent": "hubops",
    }
    if config.ca_file:
        try:
            options["root_certificate"] = Path(config.ca_file).read_bytes()
        except OSError as error:
            raise ConfigError(f"backup.store.ca_file: {config.ca_file}: {error.strerror or error}") from error
    return options


def _failure(what: str, error: Exception) -> SourceError:
    said = f"{what}: {_words(error)}"
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return Permanent(said, status=403)
    if isinstance(error, OSError):
        return Permanent(said)
    match = _STATUS.search(str(error))
    status = int(next(group for group in match.groups() if group)) if match else 0
    if 400 <= status < 500 and status not in (408, 429):
        return Permanent(said, status=status)
    return Retryable(said)


def _words(error: Exception) -> str:
    """What *error* says in one line: of the server's words those that are meant for people."""
    text = _PREAMBLE.sub("", str(error).partition("\n\nDebug source")[0])
    if found := _S3_ERROR.search(text):
        text = f"{text[: text.find('<')].rstrip(': ')}: {found[1]}{f': {found[2]}' if found[2] else ''}"
    return redact(inert(" ".join(text.split()), limit=_SAID))
