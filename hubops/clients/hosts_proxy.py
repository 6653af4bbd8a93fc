"""A way through the HTTP proxy of the environment: CONNECT."""

from __future__ import annotations

import base64
import socket
from urllib.parse import unquote, urlsplit

from hubops.model.text import inert

_PORT = 3128
_HEAD = 2**16  # more than any proxy says of itself


class ProxyError(Exception):
    """The proxy could not be used, or did not reach the host: which of the two it is, nobody can tell from here."""


def tunnel(proxy: str, name: str, port: int, timeout: float) -> socket.socket:
    """A connection to *name* through the proxy at the URL *proxy*. Raises ProxyError; credentials are not shown."""
    where = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if where.scheme != "http" or not where.hostname:
        raise ProxyError(f"a proxy of the kind {inert(where.scheme, limit=20)}:// cannot be used to look at hosts")
    shown = f"the proxy {inert(where.hostname, limit=100)}:{where.port or _PORT}"
    head = f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n"
    if where.username is not None:
        pair = f"{unquote(where.username)}:{unquote(where.password or '')}".encode()
        head += f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}\r\n"
    try:
        sock = socket.create_connection((where.hostname, where.port or _PORT), timeout)
    except OSError as error:
        raise ProxyError(f"{shown} could not be reached: {error.strerror or 'no answer in time'}") from error
    try:
        sock.sendall(f"{head}\r\n".encode())
        said = _answer(sock)
    except OSError as error:
        sock.close()
        raise ProxyError(f"{shown} broke off: {error.strerror or 'no answer in time'}") from error
    if said.split(" ")[1:2] != ["200"]:
        sock.close()
        raise ProxyError(f"{shown} did not connect to {name}: {inert(said, limit=100) or 'it broke off'}")
    return sock


def _answer(sock: socket.socket) -> str:
    """The first line of the proxy's answer; the rest of its head is read and dropped, and not a byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < _HEAD:
        byte = sock.recv(1)
        if not byte:
            break
        head += byte
    return head.partition(b"\r\n")[0].decode("latin-1")
