"""Reading Prometheus, Alertmanager or Loki from end to end: find it, ask it, and say how that went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from hubops.clients.alertmanager import Alertmanager
from hubops.clients.http import Transport
from hubops.clients.loki import Loki
from hubops.clients.prometheus import Prometheus
from hubops.clients.retry import Deadline
from hubops.collect import alerts, logs, metrics, rules
from hubops.collect.alerts import read_alertmanager
from hubops.collect.discovery import Cluster, Endpoint, locate
from hubops.collect.logs import read_logs
from hubops.collect.metrics import read_metrics
from hubops.collect.part import Part, Progress, Status, nothing, status_of
from hubops.collect.rules import read_rules
from hubops.config import Config, EndpointConfig
from hubops.errors import ClusterUnreachable, SourceError
from hubops.model.snapshot import SWITCHED_OFF, Needs, Source
from hubops.model.wellknown import Role


class SourceRead(msgspec.Struct, frozen=True, kw_only=True):
    """What a source brought; `source` is None for one that is switched off.

    `loki` serves the logs of containers; `unreachable` is why nothing came from the API server.
    """

    part: Part
    source: Source | None = None
    loki: Loki | None = None
    unreachable: ClusterUnreachable | None = None


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads any of the three, for one round.

    `at` is the moment by this machine's clock, `ahead` says how far the cluster's is ahead of it: Prometheus tells its
    own time, Loki is asked by the cluster's.
    """

    config: Config
    needs: Needs
    at: datetime
    ahead: Callable[[], timedelta]
    cluster: Cluster
    deadline: Deadline
    progress: Progress

    def wanted(self) -> dict[Role, tuple[str, ...]]:
        """The roles that the round needs, with the names of the evidence that each is to give."""
        needs = self.needs
        evidence: dict[Role, tuple[str, ...]] = {}
        if needs.promql or needs.rules:
            queries = (metrics.evidence(query) for query in sorted(needs.promql))
            evidence["prometheus"] = (*queries, *([rules.EVIDENCE] if needs.rules else ()))
        if asked := alerts.evidence(needs):
            evidence["alertmanager"] = asked
        if needs.logql or needs.container_logs:
            evidence["loki"] = tuple(logs.evidence(query) for query in sorted(needs.logql))
        return evidence

    def read(self, role: Role) -> SourceRead:
        """What the *role* gives; where it cannot be found or does not answer, why. Raises ConfigError."""
        began = time.monotonic()
        endpoint: Endpoint | None = None
        loki: Loki | None = None
        try:
            endpoint = locate(role, self._endpoint(role), self.cluster)
            part, loki = self._ask(role, endpoint.transport)
            status, reason = status_of(part)
        except (SourceError, ClusterUnreachable) as error:
            part = nothing(self.wanted()[role], str(error))
            status, reason = "failed", str(error)
        if reason and reason.startswith(SWITCHED_OFF):
            return SourceRead(part=part)
        url, via = (endpoint.transport.url, endpoint.via) if endpoint else (None, "not found")
        return SourceRead(part=part, source=said(role, status, reason, began, url=url, via=via), loki=loki)

    def _ask(self, role: Role, transport: Transport) -> tuple[Part, Loki | None]:
        at, deadline, progress = self.at, self.deadline, self.progress
        timeout = self._endpoint(role).timeout.total_seconds()
        match role:
            case "prometheus":
                prometheus = Prometheus(transport, timeout=timeout, deadline=deadline)
                part = read_metrics(prometheus, self.needs.promql, at, deadline=deadline, progress=progress)
                return read_rules(prometheus, part) if self.needs.rules else part, None
            case "alertmanager":
                alertmanager = Alertmanager(transport, timeout=timeout, deadline=deadline)
                return read_alertmanager(alertmanager, self.needs, deadline=deadline, progress=progress), None
            case "loki":
                loki = Loki(transport, timeout=timeout, deadline=deadline)
                return read_logs(loki, self.needs, at + self.ahead(), deadline=deadline, progress=progress), loki

    def _endpoint(self, role: Role) -> EndpointConfig:
        return self.config.endpoints[role]


def failed(name: str, wanted: Iterable[str], error: SourceError) -> SourceRead:
    """A source that brought nothing of what was *wanted*, because of *error*."""
    return SourceRead(part=nothing(wanted, str(error)), source=Source(name=name, status="failed", reason=str(error)))


def said(
    name: str, status: Status, reason: str | None, began: float, *, url: str | None, via: str | None = None
) -> Source:
    """How the reading of a source went that *began* at this time of the monotonic clock."""
    taken = round(time.monotonic() - began, 3)
    return Source(name=name, status=status, reason=reason, duration_s=taken, url=url, via=via)
