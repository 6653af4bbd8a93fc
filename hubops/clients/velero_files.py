"""The files that Velero keeps in its object store, fetched as its own command line fetches them.

A DownloadRequest asks the server for a signed URL of one file. The URL is a credential for as long as it holds: it is
used once, and is in no message, log or exception. The request is removed afterwards.
"""

from __future__ import annotations

import os
import re
import ssl
import uuid
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from hubops.clients.connection import failure
from hubops.clients.http import CONNECT_TIMEOUT, USER_AGENT
from hubops.clients.kube.writer import KubeWriter, Manifest
from hubops.clients.retry import Deadline, OutOfTime, retrying
from hubops.clients.velero_waiting import looks
from hubops.errors import ClusterUnreachable, Permanent, Retryable, SourceError
from hubops.model.text import inert, redact
from hubops.model.velero import API, File

#: Bytes of a tarball, and of any other file when decompressed, that are taken by default.
LARGEST_CONTENTS = 16 * 2**30
LARGEST = 256 * 2**20
_PATIENCE = 60.0  # seconds until the server has signed a URL
_SILENCE = 60.0  # seconds that the store may be silent
_REFUSED_FOR = 5.0  # seconds after which a request that the server looked at and did not answer will not be answered
_PIECE = 2**16
_SAID = 2**16  # bytes of an error's body
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_NO_STORE = frozenset({"NoSuchBucket", "ContainerNotFound"})
_S3_ERROR = re.compile(r"<Code>([^<]*)</Code>(?:.*?<Message>([^<]*)</Message>)?", re.DOTALL)


@dataclass(frozen=True)
class Trust:
    """How the store is known: beside the system's authorities, those of PEM bundle `ca`; or not at all."""

    location: str  # the BackupStorageLocation, for messages
    ca: str = ""
    insecure: bool = False


class Downloads:
    """The files of one Velero. *patience* is how many seconds its server has to sign a URL."""

    def __init__(self, cluster: KubeWriter, namespace: str, *, patience: float = _PATIENCE) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._patience = patience

    def to_file(self, kind: File, name: str, trust: Trust, path: Path, limit: int) -> None:
        """Fetch into the new file *path*, which only its owner can read; nothing is left of one that failed.

        Raises as `to_memory`, and Permanent where the file cannot be written.
        """
        try:
            with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600), "w+b") as file:
                self._fetch(kind, name, trust, file, limit)
        except OSError as error:
            if not isinstance(error, FileExistsError):
                path.unlink(missing_ok=True)
            raise Permanent(f"{path}: {(error.strerror or str(error)).lower()}") from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def to_memory(self, kind: File, name: str, trust: Trust, limit: int = LARGEST) -> bytes:
        """The file, decompressed.

        Raises Permanent where the store does not have it (status 404), refuses, or has it damaged or larger than
        *limit*, and where the server signs no URL; Retryable, after trying again, for what may pass.
        """
        memory = BytesIO()
        self._fetch(kind, name, trust, memory, limit)
        return memory.getvalue()

    def _fetch(self, kind: File, name: str, trust: Trust, into: BinaryIO, limit: int) -> None:
        once = partial(self._once, kind, name, trust, into, limit)
        retrying(once, timeout=_SILENCE, deadline=self._cluster.deadline)

    def _once(self, kind: File, name: str, trust: Trust, into: BinaryIO, limit: int, timeout: float) -> None:
        into.seek(0)
        into.truncate()
        what = f"{kind} of {inert(name, limit=253)}"
        url = self._signed(kind, name, what)
        with _session(url, trust) as session:
            _stream(session, url, timeout, _Sink(into, what, limit, packed=kind == "BackupContents"), trust)

    def _signed(self, kind: File, name: str, what: str) -> str:
        """A URL for a few minutes."""
        request: Manifest = {
            "apiVersion": API,
            "kind": "DownloadRequest",
            "metadata": {
                "namespace": self._namespace,
                "name": f"hubops-{uuid.uuid4().hex}",
                "labels": {"app.kubernetes.io/managed-by": "hubops"},
            },
            "spec": {"target": {"kind": kind, "name": name}},
        }
        try:
            self._cluster.create(request)
            return self._answered(request, what)
        finally:
            # Where that fails, too, the server removes it when the URL holds no more.
            with suppress(SourceError, ClusterUnreachable):
                self._cluster.delete(request)

    def _answered(self, request: Manifest, what: str) -> str:
        within = Deadline(min(self._patience, self._cluster.deadline.remaining()))
        seen: float | None = None
        try:
            for found, waited in looks(lambda: self._cluster.read(request), say=_silent, deadline=within):
                status: dict[str, Any] = (found or {}).get("status") or {}
                if url := status.get("downloadURL"):
                    return str(url)
                if seen is None and status.get("expiration"):
                    seen = waited
                if seen is not None and waited - seen > _REFUSED_FOR:
                    raise Permanent(
                        f"{what}: Velero's server gives no URL of it; it is not there, or its storage location or the "
                        "credentials of that cannot be used (the server's log says which)"
                    )
        except OutOfTime as error:
            self._cluster.deadline.bound(1)
            raise Permanent(
                f"{what}: no Velero server has answered the DownloadRequest within {self._patience:g} s; does "
                f"Deployment velero in namespace {self._namespace} run?"
            ) from error
        raise AssertionError("looks end with an exception")


def _silent(_: str) -> None:
    """For a wait that is short."""


class _Sink:
    """Where a file goes, and whether it was whole: what is *packed* stays so, all else is decompressed."""

    def __init__(self, into: BinaryIO, what: str, limit: int, *, packed: bool) -> None:
        self.what = what
        self._into = into
        self._left = self._limit = limit
        self._packed = packed
        self._gunzip = zlib.decompressobj(wbits=31)

    def feed(self, piece: bytes) -> None:
        try:
            plain = self._gunzip.decompress(piece)
            if self._gunzip.unused_data:
                raise zlib.error("there is more behind its end")
        except zlib.error as error:
            raise Permanent(
                f"{self.what}: it is damaged in the object store ({inert(str(error), limit=100)})"
            ) from None
        kept = piece if self._packed else plain
        self._left -= len(kept)
        if self._left < 0:
            raise Permanent(f"{self.what}: it is larger than {self._limit:,} bytes")
        self._into.write(kept)

    def close(self) -> None:
        """Raises Permanent where the end is missing."""
        if not self._gunzip.eof:
            raise Permanent(f"{self.what}: it is cut off in the object store")
        self._into.flush()


def _stream(session: requests.Session, url: str, timeout: float, sink: _Sink, trust: Trust) -> None:
    where = f"{sink.what}: the object store {_origin(url)}"
    try:
        with session.get(
            url, stream=True, timeout=(min(timeout, CONNECT_TIMEOUT), timeout), allow_redirects=False
        ) as answer:
            if answer.status_code != 200:
                raise _refusal(answer, where, sink.what)
            for piece in answer.raw.stream(_PIECE, decode_content=False):
                sink.feed(piece)
            sink.close()
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise _unreachable(error, where, trust) from None  # the libraries' texts have the URL


def _unreachable(error: Exception, where: str, trust: Trust) -> SourceError:
    found = failure(error, where)
    hint = ""
    if isinstance(found, Retryable):
        hint = f" (where only pods reach it, set publicUrl in the config of BackupStorageLocation {trust.location})"
    elif "certificate is not trusted" in str(found):
        hint = f"; caCert of BackupStorageLocation {trust.location} is what it is checked with, too"
    return type(found)(redact(f"{str(found).removesuffix(' (configure ca_file)')}{hint}"))


def _refusal(answer: requests.Response, where: str, what: str) -> SourceError:
    """An answer of the store as an error, in its own words but for those that repeat the request."""
    status = answer.status_code
    body = answer.raw.read(_SAID, decode_content=True).decode("utf-8", "replace")
    found = _S3_ERROR.search(body)
    if status == 404 and not (found and found[1] in _NO_STORE):
        return Permanent(f"{what}: the object store does not have it", status=status)
    said = ": ".join(each for each in found.groups() if each) if found else ""
    text = redact(inert(f"{where} answered {status}{f': {said}' if said else ''}", limit=500))
    if status in _PASSING:
        return Retryable(text)
    return Permanent(text, status=None if status == 404 else status)  # the file may well be in the store


def _origin(url: str) -> str:
    """Scheme, host and port: all that may be shown of a signed URL."""
    try:
        parts = urlsplit(url)
        return inert(f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}", limit=200)
    except ValueError:
        return "at what is not a URL"


def _session(url: str, trust: Trust) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # ~/.netrc and REQUESTS_CA_BUNDLE stand above what is given here
    session.proxies = dict(get_environ_proxies(url))
    session.verify = False if trust.insecure else os.environ.get("REQUESTS_CA_BUNDLE") or True
    session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
    if trust.insecure:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    else:
        session.mount("https://", _Trusting(trust))
    return session


class _Trusting(HTTPAdapter):
    """It trusts the location's own authorities, too."""

    def __init__(self, trust: Trust) -> None:
        self._context = ssl.create_default_context()
        try:
            if trust.ca:
                self._context.load_verify_locations(cadata=trust.ca)
        except (ssl.SSLError, ValueError) as error:
            raise Permanent(f"caCert of BackupStorageLocation {trust.location} holds no certificates") from error
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, ssl_context=self._context, **kwargs)
