"""A real HTTP proxy before the S3 server that lets what goes wrong with object stores go wrong when a test says so.

    with faults.on("UploadPart", refuse(500, "InternalError"), only=last_part): ...
    with faults.on("PutObject", alter()): ...

Operations have S3's own names; ANY is every one of them. What clients sign holds: the proxy passes on every header,
`Host` too.
"""

from __future__ import annotations

import http.client
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.testbed.object_store import ObjectStore

ANY = "*"
#: S3 takes no smaller part but the last of an upload.
_SMALLEST_PART = 5 * 2**20
_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True)
class Request:
    """What a client asked; `key` is the object's, `length` the bytes of the body."""

    operation: str
    key: str
    query: dict[str, list[str]]
    length: int


Act = Callable[["Exchange"], None]


@dataclass
class _Fault:
    operation: str
    act: Act
    only: Callable[[Request], bool]
    left: int | None
    over: threading.Event = field(default_factory=threading.Event)


def last_part(request: Request) -> bool:
    """Whether this is the last part of an upload: the one that may be smaller than any other."""
    return request.operation == "UploadPart" and request.length < _SMALLEST_PART


def refuse(status: int, code: str, message: str = "refused for a test") -> Act:
    """Answer with an error of S3: 403 AccessDenied, 503 SlowDown, 507 InsufficientStorage, … Nothing is stored."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return lambda exchange: exchange.answer(status, body.encode())


def reset() -> Act:
    """Read the request, then reset the connection. Nothing is stored."""
    return lambda exchange: exchange.reset()


def hang() -> Act:
    """Answer nothing until the fault is over; then the connection is reset."""

    def act(exchange: Exchange) -> None:
        exchange.fault.over.wait()
        exchange.reset()

    return act


def lose() -> Act:
    """Answer as if the object were stored; it is gone. For PutObject and CompleteMultipartUpload, as the next two."""
    return lambda exchange: exchange.pass_on(stored=Path.unlink)


def alter() -> Act:
    """Answer as if the object were stored; one bit of it is another."""
    return lambda exchange: exchange.pass_on(stored=lambda path: path.write_bytes(flipped(path.read_bytes())))


def shorten() -> Act:
    """Answer as if the object were stored; half of it is."""
    return lambda exchange: exchange.pass_on(stored=lambda path: path.write_bytes(half(path.read_bytes())))


def alter_answer() -> Act:
    """Give the object with one bit of it another."""
    return lambda exchange: exchange.pass_on(given=flipped)


def shorten_answer() -> Act:
    """Give half of the object, as if it were all."""
    return lambda exchange: exchange.pass_on(given=half)


def cut_answer() -> Act:
    """Promise the whole object, give half of it and reset the connection."""
    return lambda exchange: exchange.pass_on(cut=True)


def flipped(content: bytes) -> bytes:
    """*content* with one bit in its middle another."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


class StoreFaults:
    """A running proxy; `stop` ends it.

    url    for clients, in place of the store's
    store  the object store behind it, for its bucket, its credentials and what it really holds
    seen   every request so far
    """

    def __init__(self, store: ObjectStore, address: str) -> None:
        self.store = store
        self.seen: list[Request] = []
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self._server = _Server((address, 0), type("Bound", (Exchange,), {"proxy": self}))
        self._server.daemon_threads = True
        self.url = f"http://{address}:{self._server.server_address[1]}"

    @classmethod
    def start(cls, store: ObjectStore, address: str = "127.0.0.1") -> Self:
        """A proxy before *store*, which speaks plain HTTP; it listens on *address*."""
        proxy = cls(store, address)
        threading.Thread(target=proxy._server.serve_forever, daemon=True).start()
        return proxy

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def on(
        self, operation: str, act: Act, *, only: Callable[[Request], bool] = lambda _: True, times: int | None = None
    ) -> Iterator[None]:
        """Within, *act* is what happens to requests of *operation* that *only* picks, the first *times* of them."""
        fault = _Fault(operation, act, only, times)
        self._faults.append(fault)
        try:
            yield
        finally:
            self._faults.remove(fault)
            fault.over.set()

    def fault_for(self, request: Request) -> _Fault | None:
        with self._lock:
            self.seen.append(request)
            for fault in self._faults:
                if fault.operation in (ANY, request.operation) and fault.only(request) and fault.left != 0:
                    fault.left = None if fault.left is None else fault.left - 1
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed break off: nobody has to be told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Exchange(BaseHTTPRequestHandler):
    """One request and what becomes of it."""

    proxy: StoreFaults
    fault: _Fault
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: `seen` has it."""

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked = self._request()
        if fault := self.proxy.fault_for(self.asked):
            self.fault = fault
            fault.act(self)
        else:
            self.pass_on()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def _request(self) -> Request:
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        _, _, key = unquote(url.path).lstrip("/").partition("/")
        return Request(_operation(self.command, key, query), key, query, len(self.body))

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def pass_on(
        self,
        stored: Callable[[Path], object] | None = None,
        given: Callable[[bytes], bytes] | None = None,
        cut: bool = False,
    ) -> None:
        """Let the store answer.

        *stored* is then done to the object's file; the body is what *given* makes of it; *cut* sends half of it.
        """
        said, body = self._ask()
        if stored and said.status == 200:
            stored(self.proxy.store.folder / self.asked.key)
        if given and said.status in (200, 206):
            body = given(body)
        self.send_response_only(said.status, said.reason)
        length = said.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        for name, value in [*said.getheaders(), ("Content-Length", length)]:
            if name.lower() not in _OF_ONE_CONNECTION or value is length:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(half(body) if cut else body)
        if cut:
            self.reset()

    def _ask(self) -> tuple[http.client.HTTPResponse, bytes]:
        store = http.client.HTTPConnection(urlsplit(self.proxy.store.url).netloc, timeout=60)
        try:
            store.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _OF_ONE_CONNECTION - {"content-length"}:
                    store.putheader(name, value)
            store.endheaders(self.body)
            said = store.getresponse()
            return said, said.read()
        finally:
            store.close()


def _operation(method: str, key: str, query: dict[str, list[str]]) -> str:
    """S3's name of what is asked."""
    if not key:
        return "ListObjectsV2" if method == "GET" else f"{method} bucket"
    if "uploadId" in query:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}.get(
            method, "ListParts"
        )
    if method == "POST" and "uploads" in query:
        return "CreateMultipartUpload"
    return {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(method, method)
