"""A real HTTP server on loopback that answers exactly the bytes a test wants, also those no library would send."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    path: str
    params: dict[str, str]
    headers: dict[str, str]  # names in lower case


#: What to send: the pieces go out one by one, and the connection ends after the last.
Answer = Callable[[Request], Iterable[bytes]]


def reply(status: int, body: bytes | str | object, **headers: str) -> list[bytes]:
    """A complete response; what is neither bytes nor text is sent as JSON."""
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = {"Content-Length": str(len(content)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = f"HTTP/1.1 {status} Status\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return [head.encode() + b"Connection: close\r\n\r\n" + content]


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128  # many may ask before a busy machine has taken the first
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Handshakes that the client refuses are what some tests want; nothing to print."""


class Server:
    """`with Server(answer) as server:`, where the answer may depend on the request; `requests` holds what was asked."""

    def __init__(self, answer: Answer | list[bytes], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def setup(self) -> None:
                if tls:
                    self.request = tls.wrap_socket(self.request, server_side=True)
                super().setup()

            def handle(self) -> None:
                if (
                    not tls and self.connection.recv(1, socket.MSG_PEEK) == b"\x16"
                ):  # a TLS handshake; what servers commonly answer to one
                    self.wfile.write(reply(400, "Client sent an HTTP request to an HTTPS server.")[0])
                    return
                request = _request(self.rfile.readline)
                if request is None:
                    return
                owner.requests.append(request)
                try:
                    for piece in answer(request) if callable(answer) else answer:
                        self.wfile.write(piece)
                        self.wfile.flush()
                except (BrokenPipeError, ConnectionResetError):
                    return  # the client had enough, as many tests want

        self._tls = tls
        self._server = _Listener(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _request(line: Callable[[], bytes]) -> Request | None:
    words = line().decode("latin-1").split()
    if len(words) < 2:
        return None
    headers = {}
    while (text := line().decode("latin-1").strip()) != "":
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    parts = urlsplit(words[1])
    return Request(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers)
