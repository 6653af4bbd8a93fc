"""Which version a monitoring server is, where it says so."""

from __future__ import annotations

import msgspec

from hubops.clients.answer import body_as, refusal
from hubops.clients.http import Transport
from hubops.clients.retry import Deadline, retrying
from hubops.model.text import inert


class _Info(msgspec.Struct, frozen=True):
    version: str = ""


class _Build(msgspec.Struct, frozen=True):
    """Prometheus puts it into an envelope, Loki does not."""

    version: str = ""
    data: _Info = _Info()


def version(transport: Transport, path: str, server: str, *, timeout: float, deadline: Deadline) -> str | None:
    """The version that *server* gives at *path*; None for one that has no such path, as some that speak its API.

    Raises Retryable and Permanent where it does not answer.
    """

    def ask(left: float) -> str | None:
        response = transport.get(path, {}, left)
        if response.status in (404, 405):
            return None
        if response.status != 200:
            raise refusal(response, server)
        build = body_as(response, _Build, server)
        return inert(build.data.version or build.version, limit=60) or None

    return retrying(ask, timeout=timeout, deadline=deadline, patience=timeout)
