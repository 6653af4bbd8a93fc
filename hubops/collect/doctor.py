"""How each source is reached and what it is: the facts of `hubops doctor`, each found out or explained."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hubops.clients import buildinfo
from hubops.clients.alertmanager import Alertmanager
from hubops.clients.http import Transport
from hubops.clients.loki import Loki
from hubops.clients.prometheus import Prometheus
from hubops.clients.retry import Deadline
from hubops.collect.discovery import Cluster, Endpoint, locate
from hubops.collect.metrics import CLOCKS_DIFFER
from hubops.collect.threads import gather
from hubops.config import Config, EndpointConfig
from hubops.errors import ClusterUnreachable, SourceError
from hubops.model.diagnosis import Fact, Level, Right
from hubops.model.quantity import human_duration
from hubops.model.snapshot import SWITCHED_OFF
from hubops.model.text import inert
from hubops.model.wellknown import ROLES, Role

if TYPE_CHECKING:
    from hubops.clients.kube.client import KubeClient

#: Minor versions of Kubernetes 1: the oldest that serves every kind in the version that hubops asks for and still had
#: a supported kubelet when hubops was made, and the newest that it is tested with.
OLDEST, NEWEST = 28, 36
#: How often the API server is asked, to tell how long an answer takes.
_ASKED = 3
#: Rights that are asked about at once.
_AT_ONCE = 8
#: What was scraped or logged longer ago than this is no longer the present. Scrape intervals go up to two minutes.
_STALE = timedelta(minutes=5)
_NAMES: Mapping[Role, str] = {"prometheus": "Prometheus", "alertmanager": "Alertmanager", "loki": "Loki"}


@dataclass(frozen=True)
class Found:
    """What was found out about a source, and its Service where it is reached through the API server."""

    fact: Fact
    service: tuple[str, str] | None = None


def ask_server(client: KubeClient) -> list[Fact]:
    """How the API server answers. Raises ClusterUnreachable and SourceError where it does not."""
    durations = []
    for _ in range(_ASKED):
        began = time.monotonic()
        version = client.version()
        durations.append(time.monotonic() - began)
    took = f"answers in {statistics.median(durations) * 1000:.0f} ms"
    level, remark = _judged(version)
    server = Fact(level=level, about="API server", text=f"{client.server}, {version}{remark}, {took}")
    return [server, _clock(client.clock_offset())]


def _judged(version: str) -> tuple[Level, str]:
    """Whether hubops is made for this *version*, and the words for it."""
    parts = version.removeprefix("v").split(".")
    minor = "".join(character for character in parts[1] if character.isdigit()) if len(parts) > 1 else ""
    if parts[0] != "1" or not minor:
        return "note", " (hubops does not know this version)"
    if int(minor) < OLDEST:
        return "problem", f" (older than 1.{OLDEST}, the oldest that hubops is made for: some kinds may be missing)"
    if int(minor) > NEWEST:
        return "note", f" (newer than 1.{NEWEST}, the newest that hubops is tested with)"
    return "ok", ""


def _clock(ahead: timedelta) -> Fact:
    if abs(ahead) <= CLOCKS_DIFFER:
        return Fact(level="ok", about="Clocks", text="this machine and the API server agree within a minute")
    direction = "behind" if ahead > timedelta(0) else "ahead of"
    text = f"this machine is {human_duration(abs(ahead))} {direction} the API server; hubops goes by the server's time"
    return Fact(level="note", about="Clocks", text=f"{text}, but set this clock: tokens and certificates depend on it")


def ask_sources(
    config: Config, cluster: Cluster, deadline: Deadline, blind: Mapping[str, Sequence[str]]
) -> dict[Role, Found]:
    """All three at once; *blind* names the checks that are unknown without a source. Raises ConfigError."""
    results = gather(
        ROLES,
        lambda role: _ask_source(role, config.endpoints[role], cluster, deadline, blind.get(role, ())),
        at_once=len(ROLES),
        deadline=deadline,
    )
    return {
        role: Found(_problem(role, str(found), blind.get(role, ()))) if isinstance(found, SourceError) else found
        for role, found in results.items()
    }


def _ask_source(
    role: Role, config: EndpointConfig, cluster: Cluster, deadline: Deadline, blind: Sequence[str]
) -> Found:
    """The server that has the *role*: how it is reached, its version, and whether its data is of now."""
    endpoint: Endpoint | None = None
    try:
        endpoint = locate(role, config, cluster)
        level, text = _ASK[role](endpoint.transport, config.timeout.total_seconds(), deadline)
    except (SourceError, ClusterUnreachable) as error:
        if str(error).startswith(SWITCHED_OFF):
            return Found(Fact(level="note", about=_NAMES[role], text=str(error)))
        reached = f" ({endpoint.via})" if endpoint and not endpoint.service else ""  # a proxy is named by its error
        return Found(_problem(role, f"{error}{reached}", blind), _service(endpoint))
    where = endpoint.via if endpoint.service else f"{endpoint.via} {endpoint.transport.url}"
    checks = tuple(blind) if level == "problem" else ()
    return Found(Fact(level=level, about=_NAMES[role], text=f"{text}; {where}", checks=checks), _service(endpoint))


def _problem(role: Role, text: str, blind: Sequence[str]) -> Fact:
    return Fact(level="problem", about=_NAMES[role], text=text, checks=tuple(blind))


def _service(endpoint: Endpoint | None) -> tuple[str, str] | None:
    """The Service as RBAC names it: the port belongs to the name of what the proxy is asked for."""
    found = endpoint.service if endpoint else None
    return (found.namespace, f"{found.service}:{found.port}") if found else None


def _prometheus(transport: Transport, timeout: float, deadline: Deadline) -> tuple[Level, str]:
    prometheus = Prometheus(transport, timeout=timeout, deadline=deadline)
    at = datetime.now(UTC) + prometheus.clock_offset()
    version = buildinfo.version(transport, "/api/v1/status/buildinfo", "Prometheus", timeout=timeout, deadline=deadline)
    counts = [prometheus.query(query, at).samples for query in ("count(up)", "count(up == 1)")]
    targets, up = (int(found[0].number) if found else 0 for found in counts)
    if not targets:
        return (
            "problem",
            f"{_versioned(version)}, but it has scraped nothing for {human_duration(_STALE)}: no series up",
        )
    (newest,) = prometheus.query("max(timestamp(up))", at).samples
    age = at - datetime.fromtimestamp(newest.number, UTC)
    said = f"{_versioned(version)}, {up:,} of {targets:,} targets up, newest sample {_ago(age)}"
    return ("problem" if age > _STALE or not up else "ok"), said


def _alertmanager(transport: Transport, timeout: float, deadline: Deadline) -> tuple[Level, str]:
    alertmanager = Alertmanager(transport, timeout=timeout, deadline=deadline)
    version, alerts = alertmanager.status().version, alertmanager.alerts()
    if not alerts:
        return "note", f"{_versioned(version)}, holds no alert: not even a Watchdog says that Prometheus reaches it"
    newest = max(alert.updated_at or alert.starts_at for alert in alerts)
    return "ok", f"{_versioned(version)}, holds {len(alerts):,} alerts, newest {_ago(datetime.now(UTC) - newest)}"


def _loki(transport: Transport, timeout: float, deadline: Deadline) -> tuple[Level, str]:
    loki = Loki(transport, timeout=timeout, deadline=deadline)
    now = datetime.now(UTC)
    recent = loki.labels(now - _STALE, now + _STALE)
    version = buildinfo.version(transport, "/loki/api/v1/status/buildinfo", "Loki", timeout=timeout, deadline=deadline)
    if recent:
        return "ok", f"{_versioned(version)}, has lines of the last {human_duration(_STALE)}"
    text = f"{_versioned(version)}, but without a line of the last {human_duration(_STALE)}"
    return "problem", f"{text}: nothing is sent to it, or to another tenant (loki.tenant)"


_ASK = {"prometheus": _prometheus, "alertmanager": _alertmanager, "loki": _loki}


def _versioned(version: str | None) -> str:
    return f"v{inert(version, limit=60).removeprefix('v')}" if version else "answers, its version is not told"


def _ago(age: timedelta) -> str:
    return f"{human_duration(max(age, timedelta(0)))} ago"


def not_served(client: KubeClient, evidence: Sequence[str], deadline: Deadline) -> frozenset[str]:
    """Those custom resources of *evidence* that the cluster does not have; what cannot be told is not among them."""
    results = gather(evidence, client.serves, at_once=client.concurrency, deadline=deadline)
    return frozenset(name for name, served in results.items() if served is False)


def ask_rights(client: KubeClient, rights: Sequence[Right], deadline: Deadline) -> dict[Right, bool | SourceError]:
    """For each of *rights* whether the user has it, or why the server does not tell."""
    return gather(rights, client.may, at_once=_AT_ONCE, deadline=deadline)
