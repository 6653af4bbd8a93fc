"""What Alertmanager tells by its API v2: the alerts that it holds, its silences, and its status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from hubops.clients.alertmanager_config import trimmed
from hubops.clients.answer import body_as, refusal
from hubops.clients.http import Transport
from hubops.clients.retry import Deadline, retrying
from hubops.model.alerting import AlertmanagerStatus, Matcher, Silence
from hubops.model.snapshot import Alert

T = TypeVar("T")

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


class _Matcher(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True  # absent before Alertmanager 0.22, which had no negative matchers


class _SilenceState(msgspec.Struct, frozen=True):
    state: str


class _Silence(msgspec.Struct, frozen=True, rename="camel"):
    """gettableSilence of Alertmanager's openapi.yaml."""

    id: str
    status: _SilenceState
    matchers: tuple[_Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str = ""
    comment: str = ""


class _Cluster(msgspec.Struct, frozen=True):
    status: str = ""
    peers: list[object] | None = None


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Config(msgspec.Struct, frozen=True):
    original: str = ""


class _ServerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """alertmanagerStatus of Alertmanager's openapi.yaml."""

    cluster: _Cluster = _Cluster()
    version_info: _Version = _Version()
    config: _Config = _Config()
    uptime: datetime | None = None


class Alertmanager:
    """One server; a call is tried again within the deadline and raises Retryable or Permanent when it fails."""

    def __init__(self, transport: Transport, *, timeout: float, deadline: Deadline) -> None:
        self._transport = transport
        self._timeout = timeout
        self._deadline = deadline

    def alerts(self) -> tuple[Alert, ...]:
        """All alerts in every state, in the order in which the server lists them."""
        return tuple(_alert(item) for item in self._get("alerts", list[_Alert], _ALL))

    def silences(self) -> tuple[Silence, ...]:
        """The silences that hide alerts or will, without those that have expired."""
        found = self._get("silences", list[_Silence], {})
        return tuple(_silence(item) for item in found if item.status.state != "expired")

    def status(self) -> AlertmanagerStatus:
        """How the server is, and of its configuration the routes, names of receivers and inhibit rules."""
        found = self._get("status", _ServerStatus, {})
        config = trimmed(found.config.original)
        return AlertmanagerStatus(
            version=found.version_info.version,
            up_since=found.uptime,
            cluster=found.cluster.status,
            peers=len(found.cluster.peers or ()),
            route=config.route,
            receivers=config.receivers,
            inhibit_rules=config.inhibit_rules,
        )

    def _get(self, what: str, into: type[T], asked: Mapping[str, str]) -> T:
        def attempt(timeout: float) -> T:
            response = self._transport.get(f"/api/v2/{what}", asked, timeout)
            if response.status != 200:
                raise refusal(response, _SERVER)
            return body_as(response, into, _SERVER)

        return retrying(attempt, timeout=self._timeout, deadline=self._deadline, patience=self._timeout)


def _silence(item: _Silence) -> Silence:
    return Silence(
        id=item.id,
        matchers=tuple(Matcher(each.name, each.value, each.is_regex, each.is_equal) for each in item.matchers),
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        created_by=item.created_by,
        comment=item.comment,
        state=item.status.state,
    )


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
