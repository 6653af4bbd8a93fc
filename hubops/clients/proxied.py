"""A server behind the API server's service proxy: its own answers told apart from those of the API server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from hubops.clients.http import Response, Transport
from hubops.errors import Permanent, Retryable
from hubops.model.text import inert


class _Status(msgspec.Struct, frozen=True, rename="camel", tag_field="kind", tag="Status"):
    """How the API server says that it did not pass a request on (meta/v1 Status)."""

    api_version: str
    message: str = ""


#: How the API server says that the pods of a Service are silent, or that it has no way to them; the last two where its
#: way to the nodes is a tunnel (konnectivity).
_NO_WAY = ("i/o timeout", "no route to host", "network is unreachable", "context deadline exceeded", "dial timeout",
           "No agent available")  # fmt: skip


class NoWay(Retryable):
    """The API server gets no connection to the Service's pods: its packets are dropped on their way, or by a policy."""


class Poster(Transport, Protocol):
    """A way to one server that something can be handed to."""

    def post(self, path: str, document: bytes, timeout: float) -> Response:
        """The complete answer to *document*, which is JSON; raises as `get` does."""
        ...


class Proxied:
    """The way to *service*, whose API begins at *prefix*; errors of the way name the Service, for people."""

    def __init__(self, transport: Transport, service: str, prefix: str = "") -> None:
        self._transport = transport
        self._service = service
        self._prefix = prefix

    @property
    def url(self) -> str:
        return self._transport.url + self._prefix

    def get(self, path: str, params: Mapping[str, str], timeout: float) -> Response:
        """As Transport says; also raises for what the API server answers in place of the Service."""
        return self._passed_on(lambda: self._transport.get(self._prefix + path, params, timeout))

    def _passed_on(self, ask: Callable[[], Response]) -> Response:
        way = f"{self._service} through the API server"
        try:
            answer = ask()
        except Retryable as error:
            raise Retryable(f"{way}: {error}", retry_after=error.retry_after) from error
        said = _status(answer) if answer.status >= 400 else None
        if said is None:
            return answer
        if answer.status >= 500 and any(words in said for words in _NO_WAY):
            raise NoWay(f"{way}: {said}")
        if answer.status == 429 or answer.status >= 500:
            raise Retryable(f"{way}: {said}")
        raise Permanent(f"{way}: {said} ({answer.status})", status=answer.status)


class PostingProxied(Proxied):
    """The same for a Service that something is handed to."""

    def __init__(self, transport: Poster, service: str, prefix: str = "") -> None:
        super().__init__(transport, service, prefix)
        self._poster = transport

    def post(self, path: str, document: bytes, timeout: float) -> Response:
        """As Poster says; also raises for what the API server answers in place of the Service."""
        return self._passed_on(lambda: self._poster.post(self._prefix + path, document, timeout))


def _status(answer: Response) -> str | None:
    try:
        return inert(msgspec.json.decode(answer.body, type=_Status).message, limit=300)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
