"""A client of nginx from any address: what a load balancer would say of it in PROXY protocol goes before TLS."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from itertools import cycle

from tests.stack.nginx.server import Nginx


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class Client:
    """Somebody at *address*, connecting over the load balancer at *balancer*; without an address, straight."""

    nginx: Nginx
    address: str | None = None
    balancer: str = "127.0.0.1"

    def tls(self, host: str, settings: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A connection to *host*, a name under the domain or "@". Raises ssl.SSLError where they do not agree."""
        raw = socket.create_connection(("127.0.0.1", self.nginx.place.port), 10, source_address=(self.balancer, 0))
        if self.address:
            raw.sendall(f"PROXY TCP4 {self.address} 192.0.2.1 4711 443\r\n".encode())
        settings = settings or ssl.create_default_context(cafile=str(self.nginx.authority))
        return settings.wrap_socket(raw, server_hostname=self.name(host))

    def name(self, host: str) -> str:
        return self.nginx.domain if host == "@" else f"{host}.{self.nginx.domain}"

    @contextmanager
    def connection(self, host: str) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection(self.name(host))
        connection.sock = self.tls(host)
        try:
            yield connection
        finally:
            connection.close()

    def ask(
        self,
        host: str,
        path: str,
        *,
        method: str = "GET",
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        with self.connection(host) as connection:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def login(self) -> dict[str, str]:
        """The header that proves who one is."""
        both = base64.b64encode(f"{self.nginx.user}:{self.nginx.password}".encode()).decode()
        return {"Authorization": f"Basic {both}"}


#: How many requests are sent before the first answer is read.
AT_ONCE = 5


@dataclass(frozen=True)
class Flood:
    """Requests as fast as they are answered: when asked, when answered, the status."""

    requests: tuple[tuple[float, float, int], ...]

    @property
    def refused(self) -> int:
        return sum(status == 429 for *_, status in self.requests)

    @property
    def accepted(self) -> int:
        return len(self.requests) - self.refused

    def fits(self, rate: float, burst: int) -> bool:
        """Whether a limit of *rate* requests a second, and *burst* more at once, accepts just as many.

        nginx saw each request between question and answer: what could come in the longest of these times is left open.
        """
        longest = max(answered - asked for asked, answered, _ in self.requests)
        return abs(self.accepted - self._expected(rate, burst)) <= 1.5 + rate * longest

    def _expected(self, rate: float, burst: int) -> int:
        """How many nginx' leaky bucket accepts."""
        accepted, excess, last = 0, 0.0, 0.0
        for _, answered, _ in self.requests:
            now = max(0.0, excess - rate * (answered - last) + 1) if accepted else 0.0
            if now <= burst:
                accepted, excess, last = accepted + 1, now, answered
        return accepted


def flood(client: Client, path: str, *hosts: str, refusals: int, most: int = 900) -> Flood:
    """Ask *hosts* in turn until *refusals* answers were 429, or *most* times. Each request claims to be another's.

    A few questions are sent at once, so that a busy machine is fast enough too.
    """
    requests: list[tuple[float, float, int]] = []
    with ExitStack() as open_:
        connections = [(open_.enter_context(client.tls(host)), client.name(host)) for host in hosts]
        streams = cycle([(each, open_.enter_context(each.makefile("rb")), name) for each, name in connections])
        while len(requests) < most and sum(status == 429 for *_, status in requests) < refusals:
            connection, stream, name = next(streams)
            asked = time.monotonic()
            connection.sendall(b"".join(_question(path, name, len(requests) + each) for each in range(AT_ONCE)))
            for _ in range(AT_ONCE):
                status = _status(stream)
                requests.append((asked, time.monotonic(), status))
    assert {status for *_, status in requests} <= {200, 404, 429}, requests
    return Flood(tuple(requests))


def _question(path: str, host: str, number: int) -> bytes:
    claim = f"198.18.{number // 250}.{number % 250}"
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {claim}\r\nX-Real-IP: {claim}\r\n\r\n".encode()


def _status(stream: BufferedReader) -> int:
    """The status of the next answer, which is read to its end."""
    status, length = int(stream.readline().split()[1]), 0
    while (line := stream.readline().lower()) != b"\r\n":
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    stream.read(length)
    return status
