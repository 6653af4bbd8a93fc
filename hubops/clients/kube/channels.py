"""A WebSocket to the API server that carries several streams: a command in a pod, a port of one (channel.k8s.io).

The kubernetes package's own does not impersonate, and waits for ever: what it is asked for here is read with bounds.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR, socket
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import urllib3
from websocket import (
    ABNF,
    WebSocket,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketTimeoutException,
)

from hubops.clients.connection import failure
from hubops.clients.http import CONNECT_TIMEOUT, Response
from hubops.clients.kube.access import Access
from hubops.clients.kube.errors import Unauthorized
from hubops.clients.kube.refusal import refusal
from hubops.errors import ClusterUnreachable, Permanent, Retryable
from hubops.model.text import inert

#: v5 can close a stream; no server that matters lacks v4.
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_CLOSED = 255  # v5: the next byte names a stream that is over


class Channels:
    """Streams by their numbers. To be used as a context manager, which ends them all."""

    def __init__(self, connected: WebSocket, server: str) -> None:
        self._socket = connected
        self._server = server

    @classmethod
    def opened(cls, access: Access, path: str, params: Sequence[tuple[str, str]], timeout: float, wanted: str) -> Self:
        """The streams that a GET of *path* upgrades to; *wanted* says for what, as in "create pods/exec".

        Raises Permanent and Retryable as the API server refuses, ClusterUnreachable for credentials.
        """
        url = f"{access.server.replace('http', 'ws', 1)}{path}?{urlencode(params)}"
        try:
            connected = _connected(access, url, timeout, wanted)
        except Unauthorized as error:
            if not access.renew():
                raise ClusterUnreachable(f"{access.server}: {error}") from error
            connected = _connected(access, url, timeout, wanted)
        return cls(connected, access.server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all streams, without a word to the server: it may be the one that is silent. Who waits for it wakes."""
        if self._socket.sock is not None:
            with suppress(OSError):
                socket.shutdown(self._socket.sock, SHUT_RDWR)
        with suppress(WebSocketException, OSError):
            self._socket.shutdown()  # type: ignore[no-untyped-call]

    def send(self, channel: int, data: bytes) -> None:
        """Raises Retryable where the connection is gone."""
        with _translated(self._server):
            self._socket.send(bytes([channel]) + data, ABNF.OPCODE_BINARY)

    def received(self, until: float) -> Iterator[tuple[int, bytes]]:
        """What comes, each with its stream, to the end of all of them. Raises TimeoutError at *until* (monotonic)."""
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            with _translated(self._server):
                kind, frame = self._socket.recv_data_frame()
            if kind == ABNF.OPCODE_CLOSE:
                return
            if frame.data and frame.data[0] != _CLOSED:
                yield frame.data[0], frame.data[1:]


def _connected(access: Access, url: str, timeout: float, wanted: str) -> WebSocket:
    connected = WebSocket(sslopt=_tls(access.configuration), skip_utf8_validation=True)
    connected.settimeout(min(timeout, CONNECT_TIMEOUT))
    headers = [f"{name}: {value.encode('latin-1').decode()}" for name, value in access.headers().items()]
    try:
        with _translated(access.server):
            connected.connect(  # type: ignore[no-untyped-call]
                url, header=headers, subprotocols=list(PROTOCOLS), suppress_origin=True, redirect_limit=0,
                timeout=min(timeout, CONNECT_TIMEOUT), **_proxy(access.configuration),
            )  # fmt: skip
    except WebSocketBadStatusException as error:
        headers_of = urllib3.HTTPHeaderDict(error.resp_headers or {})
        raise refusal(Response(error.status_code, headers_of, error.resp_body or b""), wanted) from None
    except TimeoutError:
        raise Retryable(f"{access.server} did not answer in time") from None
    return connected


@contextmanager
def _translated(server: str) -> Iterator[None]:
    try:
        yield
    except WebSocketBadStatusException:
        raise
    except WebSocketTimeoutException:
        raise TimeoutError from None
    except WebSocketConnectionClosedException as error:
        raise Retryable(f"{server} broke the connection off") from error
    except WebSocketException as error:
        raise Permanent(f"{server}: {inert(str(error), limit=200)}") from error
    except OSError as error:
        raise failure(error, server) from error


def _tls(configuration: Any) -> dict[str, Any]:
    """As the kubernetes package's own WebSockets have it."""
    options: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE}
    if not configuration.verify_ssl or configuration.assert_hostname is False:
        options["check_hostname"] = False
    names = {"ca_certs": "ssl_ca_cert", "certfile": "cert_file", "keyfile": "key_file",
             "server_hostname": "tls_server_name"}  # fmt: skip
    return options | {name: value for name, own in names.items() if (value := getattr(configuration, own, None))}


def _proxy(configuration: Any) -> dict[str, Any]:
    """The proxy of the configuration, and none that only the environment knows."""
    if not configuration.proxy:
        return {"http_no_proxy": ["*"]}
    proxy = urlsplit(configuration.proxy)
    auth = (proxy.username, proxy.password) if proxy.username else None
    without = (configuration.no_proxy or "").split(",")
    return {"http_proxy_host": proxy.hostname, "http_proxy_port": proxy.port, "proxy_type": proxy.scheme or "http",
            "http_proxy_auth": auth, "http_no_proxy": [each.strip() for each in without if each.strip()]}  # fmt: skip
