"""The alerts that Alertmanager holds, by its API v2: firing, silenced and inhibited."""

from __future__ import annotations

from datetime import datetime

import msgspec

from hubops.clients.answer import body_as, refusal
from hubops.clients.http import Transport
from hubops.clients.retry import Deadline, retrying
from hubops.model.snapshot import Alert

_SERVER = "Alertmanager"
_ALL = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    state: str
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    """gettableAlert of Alertmanager's openapi.yaml."""

    labels: dict[str, str]
    starts_at: datetime
    updated_at: datetime
    status: _Status
    annotations: dict[str, str] = {}
    fingerprint: str = ""


class Alertmanager:
    """One server; a call is tried again within the deadline and raises Retryable or Permanent when it fails."""

    def __init__(self, transport: Transport, *, timeout: float, deadline: Deadline) -> None:
        self._transport = transport
        self._timeout = timeout
        self._deadline = deadline

    def alerts(self) -> tuple[Alert, ...]:
        """All alerts in every state, in the order in which the server lists them."""
        return retrying(self._alerts, timeout=self._timeout, deadline=self._deadline, patience=self._timeout)

    def _alerts(self, timeout: float) -> tuple[Alert, ...]:
        response = self._transport.get("/api/v2/alerts", _ALL, timeout)
        if response.status != 200:
            raise refusal(response, _SERVER)
        return tuple(_alert(item) for item in body_as(response, list[_Alert], _SERVER))


def _alert(item: _Alert) -> Alert:
    return Alert(
        labels=item.labels,
        annotations=item.annotations,
        starts_at=item.starts_at,
        updated_at=item.updated_at,
        state=item.status.state,
        silenced_by=item.status.silenced_by,
        inhibited_by=item.status.inhibited_by,
        fingerprint=item.fingerprint,
    )
