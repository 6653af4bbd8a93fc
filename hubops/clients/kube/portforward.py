"""A port of a pod, through the API server and the kubelet: connected to from within the pod, whatever policies close.

Of each port there are two streams: what is sent and received, and what the kubelet says went wrong. Nothing comes when
the port is connected; so a port that nobody listens on is asked for beside it, of which something does come.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

from hubops.clients.kube.access import Access
from hubops.clients.kube.channels import Channels
from hubops.errors import Retryable, SourceError
from hubops.model.text import inert

_CHUNK = 2**16
_NOBODY = 1  # tcpmux: in no container
_SETTLED = 0.3  # seconds for what the kubelet says of two ports at once
_LONGEST = 3600.0


def listens(access: Access, namespace: str, pod: str, port: int, timeout: float) -> None:
    """Return once *port* has taken a connection. Raises Retryable where it did not within *timeout* seconds."""
    until = time.monotonic() + timeout
    with _opened(access, namespace, pod, (port, _NOBODY), timeout) as channels:
        named: set[int] = set()
        try:
            for channel, data in channels.received(until):
                if channel not in named:  # each stream begins with the number of its port
                    named.add(channel)
                elif channel == 0:
                    return  # it speaks first
                elif channel == 1:
                    raise Retryable(_refused(port, data))
                elif channel == 3:  # of the other port
                    until = min(until, time.monotonic() + _SETTLED)
                    _settle(channels, named, port, until)
                    return
        except TimeoutError:
            pass
    raise Retryable(f"port {port} was not connected within {timeout:.0f} s")


def _settle(channels: Channels, named: set[int], port: int, until: float) -> None:
    with suppress(TimeoutError):
        for channel, data in channels.received(until):
            if channel == 1 and channel in named:
                raise Retryable(_refused(port, data))
            named.add(channel)


@contextmanager
def forwarded(access: Access, namespace: str, pod: str, port: int, timeout: float) -> Iterator[socket.socket]:
    """A socket that leads to *port* of the pod. Where the kubelet does not connect it, it ends, and leaving raises
    Retryable with what the kubelet said."""
    channels = _opened(access, namespace, pod, (port,), timeout)
    ours, theirs = socket.socketpair()
    ours.settimeout(timeout)
    pump = _Pump(channels, theirs)
    pump.start()
    try:
        yield ours
    except Exception as error:
        if said := pump.said:
            raise Retryable(_refused(port, said)) from error
        raise
    finally:
        ours.close()
        pump.end()
        theirs.close()


class _Pump:
    """Copies between the streams of a port and a socket, both ways, until one of them ends."""

    def __init__(self, channels: Channels, near: socket.socket) -> None:
        self._channels = channels
        self._near = near
        self.said = b""  # by the kubelet, of what went wrong
        self._threads = [
            threading.Thread(target=work, name="port-forward", daemon=True) for work in (self._receive, self._send)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._channels.close()
        for thread in self._threads:
            thread.join()

    def _receive(self) -> None:
        named: set[int] = set()
        with suppress(SourceError, TimeoutError, OSError):
            for channel, data in self._channels.received(time.monotonic() + _LONGEST):
                if channel not in named:
                    named.add(channel)
                elif channel == 0:
                    self._near.sendall(data)
                else:
                    self.said = data
                    break
        with suppress(OSError):
            self._near.shutdown(socket.SHUT_RDWR)

    def _send(self) -> None:
        with suppress(SourceError, TimeoutError, OSError):
            while data := self._near.recv(_CHUNK):
                self._channels.send(0, data)


def _opened(access: Access, namespace: str, pod: str, ports: tuple[int, ...], timeout: float) -> Channels:
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/portforward"
    params = [("ports", ",".join(map(str, ports)))]
    return Channels.opened(access, path, params, timeout, "create pods/portforward")


def _refused(port: int, said: bytes) -> str:
    """The kubelet's words in short: what matters stands at their end."""
    text = said.decode("utf-8", "replace").strip()
    if "connection refused" in text:
        return f"nothing takes connections on port {port}"
    return f"port {port}: {inert(text[-200:])}"
