"""Reads all that a round needs, from everywhere at once, into one snapshot. The only place that reads the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from hubops import __version__
from hubops.clients.ahead import Ahead
from hubops.clients.kube.services import Directory
from hubops.clients.retry import Deadline
from hubops.collect.container_logs import EVIDENCE as CONTAINER_LOGS
from hubops.collect.container_logs import read_container_logs
from hubops.collect.hosts import EVIDENCE as HOSTS
from hubops.collect.hosts import read_hosts
from hubops.collect.journal import EVIDENCE as JOURNAL
from hubops.collect.journal import joined, read_journal
from hubops.collect.metrics import CLOCKS_DIFFER
from hubops.collect.objects import SOURCE as KUBERNETES
from hubops.collect.objects import read_objects
from hubops.collect.part import Part, nothing, status_of
from hubops.collect.sources import Reader, SourceRead, failed, said
from hubops.collect.threads import GRACE, gather
from hubops.config import Config
from hubops.errors import ClusterUnreachable, SourceError
from hubops.model.quantity import human_duration
from hubops.model.snapshot import Needs, Snapshot, Source
from hubops.model.wellknown import ROLES

if TYPE_CHECKING:
    from hubops.clients.kube.client import KubeClient

#: Seconds to wait for the API server's first answer before Loki is asked by this machine's clock.
_PATIENCE = 2.0


def collect(
    config: Config,
    needs: Needs,
    *,
    client: KubeClient,
    deadline: Deadline,
    progress: Callable[[str], None] = lambda _text: None,
) -> Snapshot:
    """All of *needs* that could be read until *deadline*, and for the rest why it could not.

    `progress` is told in words, from any thread, what is being read. Raises ConfigError for a configuration that
    cannot be used, and ClusterUnreachable where the API server cannot be reached and nothing else brought anything.
    """
    at = datetime.now(UTC)
    told = _Told(progress)
    reader = Reader(
        config=config,
        needs=needs,
        at=at,
        ahead=lambda: client.clock_offset(_PATIENCE),
        cluster=Directory(client),
        deadline=deadline,
        progress=told,
    )
    try:
        reads = _read(reader, client)
    except KeyboardInterrupt:
        deadline.cancel()
        raise
    unreachable = reads[KUBERNETES].unreachable
    if unreachable and not any(read.part.read for read in reads.values()):
        raise unreachable
    return _snapshot(_cluster_name(config, client), at, client.clock_offset(), reads)


class _Told:
    """What is being read, as one line: "reading kubernetes 3/17, prometheus 2/12"."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._sources: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, source: str, done: int, total: int) -> None:
        with self._lock:
            self._sources[source] = f"{source} {done}/{total}"
            line = "reading " + ", ".join(self._sources.values())
        self._progress(line)


def _read(reader: Reader, client: KubeClient) -> dict[str, SourceRead]:
    """All sources at once; the logs of containers follow the objects and Loki, and wait for nothing else."""
    tasks: dict[str, Callable[[], SourceRead]] = {role: partial(reader.read, role) for role in reader.wanted()}
    first: dict[str, Callable[[], SourceRead]] = {KUBERNETES: partial(_read_kubernetes, reader, client)}
    if "loki" in tasks:
        first["loki"] = tasks.pop("loki")
    others = Ahead(partial(_at_once, reader, tasks))
    reads = _at_once(reader, first)
    hosts = Ahead(partial(_read_hosts, reader, reads[KUBERNETES].part))
    if reader.needs.container_logs:
        reads[CONTAINER_LOGS] = SourceRead(part=_read_logs(reader, client, reads))
    return {**reads, **others.result(), **hosts.result()}


def _at_once(reader: Reader, tasks: Mapping[str, Callable[[], SourceRead]]) -> dict[str, SourceRead]:
    """Each task keeps the deadline itself; what does not is left behind a little later."""
    results = gather(tasks, lambda name: tasks[name](), at_once=len(tasks), deadline=reader.deadline, grace=2 * GRACE)
    wanted: dict[str, tuple[str, ...]] = {KUBERNETES: _objects(reader), **dict(reader.wanted().items())}
    return {
        name: failed(name, wanted[name], result) if isinstance(result, SourceError) else result
        for name, result in results.items()
    }


def _objects(reader: Reader) -> tuple[str, ...]:
    """What is asked of the API server."""
    journal = [JOURNAL] if reader.needs.journal else []
    return (*sorted(reader.needs.kinds), *sorted(reader.needs.custom), *journal)


def _read_kubernetes(reader: Reader, client: KubeClient) -> SourceRead:
    """The objects; none of them where the API server cannot be reached, and only then it has failed."""
    began = time.monotonic()
    journal = Ahead(partial(read_journal, client, reader.config.backup)) if reader.needs.journal else None
    try:
        part = read_objects(client, reader.needs, deadline=reader.deadline, progress=reader.progress)
    except ClusterUnreachable as error:
        source = said(KUBERNETES, "failed", str(error), began, url=client.server)
        return SourceRead(part=nothing(_objects(reader), str(error)), source=source, unreachable=error)
    if journal:
        part = joined(part, journal.result())
    status, reason = status_of(part)
    status = "partial" if status == "failed" else status
    return SourceRead(part=part, source=said(KUBERNETES, status, reason, began, url=client.server))


def _read_logs(reader: Reader, client: KubeClient, reads: Mapping[str, SourceRead]) -> Part:
    """The logs of the containers that crash, which only the objects tell."""
    objects = reads[KUBERNETES].part
    if "pods" not in objects.read:
        return nothing([CONTAINER_LOGS], objects.unread.get("pods", "no pods were read, so none is known to crash"))
    return read_container_logs(
        objects.objects.pods,
        reader.at + reader.ahead(),
        loki=reads["loki"].loki,
        client=client,
        deadline=reader.deadline,
        timeout=reader.config.kubernetes.timeout.total_seconds(),
        progress=reader.progress,
    )


def _read_hosts(reader: Reader, objects: Part) -> dict[str, SourceRead]:
    """The hosts of the platform; the objects tell which load balancers stand in front of them."""
    if not reader.needs.hosts:
        return {}
    config, deadline, progress = reader.config.platform, reader.deadline, reader.progress
    return {HOSTS: read_hosts(config, objects.objects, deadline=deadline, progress=progress)}


def _snapshot(cluster: str, at: datetime, ahead: timedelta, reads: Mapping[str, SourceRead]) -> Snapshot:
    """What was read *at* this machine's moment, as of that moment by the API server's clock."""
    parts = {name: read.part for name, read in reads.items()}
    kubernetes, logs = parts[KUBERNETES], parts.get(CONTAINER_LOGS, Part())
    prometheus, alertmanager, loki = (parts.get(role, Part()) for role in ROLES)
    sources = (reads[name].source for name in (KUBERNETES, *ROLES, HOSTS) if name in reads)
    hosts = parts.get(HOSTS, Part())
    remarks = (*_clocks(ahead), *logs.remarks)
    return Snapshot(
        hubops_version=__version__,
        cluster=cluster,
        taken_at=at + ahead,
        server_version=kubernetes.server_version,
        objects=kubernetes.objects,
        custom=kubernetes.custom,
        metrics=prometheus.metrics,
        log_metrics=loki.log_metrics,
        log_lines=loki.log_lines,
        alerts=alertmanager.alerts,
        silences=alertmanager.silences,
        alertmanager=alertmanager.alertmanager,
        rules=prometheus.rules,
        hosts=hosts.hosts,
        load_balancers=hosts.load_balancers,
        journal=kubernetes.journal,
        container_logs=logs.container_logs,
        sources=tuple(_noted(source, remarks) for source in sources if source),
        read=tuple(name for part in parts.values() for name in part.read),
        unread={name: reason for part in parts.values() for name, reason in part.unread.items()},
    )


def _clocks(ahead: timedelta) -> tuple[str, ...]:
    if abs(ahead) <= CLOCKS_DIFFER:
        return ()
    direction = "behind" if ahead > timedelta(0) else "ahead of"
    return (f"this machine's clock is {human_duration(abs(ahead))} {direction} the API server's; its time was taken",)


def _noted(source: Source, remarks: Sequence[str]) -> Source:
    """What is to be said of the API server: that its clock differs, and which logs of containers are missing, for it is
    the last that was asked for them.
    """
    if not remarks or source.name != KUBERNETES:
        return source
    reason = "; ".join([*([source.reason] if source.reason else []), *remarks])
    return msgspec.structs.replace(source, status="partial" if source.status == "ok" else source.status, reason=reason)


def _cluster_name(config: Config, client: KubeClient) -> str:
    """The configured name, else the context or the cluster's own id, else at least its address."""
    try:
        return config.cluster or client.cluster_name
    except ClusterUnreachable:
        return urlsplit(client.server).netloc
