"""The last lines before a crash, and of init containers that do not finish: evidence "container-logs".

It only enriches findings. One pod stands for all of its owner, because replicas crash for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from hubops.clients.loki import Loki, selector
from hubops.clients.retry import Deadline
from hubops.collect.logs import inoffensive
from hubops.collect.part import Part, Progress
from hubops.collect.threads import gather
from hubops.errors import ClusterUnreachable, Permanent, Retryable, SourceError
from hubops.model.kube.core import ContainerStateTerminated, ContainerStatus, Pod
from hubops.model.snapshot import ContainerLog, LogLine

EVIDENCE = "container-logs"
#: More crashing workloads than this have one cause, and their logs would only load what is in trouble already.
CONTAINERS = 30
LINES = 15
AT_ONCE = 4
#: A container that failed longer ago and has run since is not in trouble.
RECENTLY = timedelta(hours=1)
#: An init container that works for longer than this may wait for something that does not come.
AT_WORK = timedelta(minutes=10)
#: What shippers of logs call the labels of a stream: promtail and Alloy, OpenTelemetry, fluent-bit, Vector.
_NAMES = {
    "namespace": ("namespace", "k8s_namespace_name", "kubernetes_namespace_name", "namespace_name"),
    "pod": ("pod", "k8s_pod_name", "kubernetes_pod_name", "pod_name"),
    "container": ("container", "k8s_container_name", "kubernetes_container_name", "container_name"),
}


class PodLogs(Protocol):
    """The part of the Kubernetes client that reads logs."""

    def pod_log(
        self, namespace: str, pod: str, container: str, *, previous: bool, tail_lines: int, timeout: float
    ) -> str: ...


class Troubled(msgspec.Struct, frozen=True, kw_only=True):
    """A container whose last lines are wanted; `end` is when it crashed, `start` when that run of it began."""

    namespace: str
    pod: str
    container: str
    owner: str
    start: datetime
    end: datetime
    waiting: bool
    previous: bool  # it was started again, or will be: the API server has the log as the previous one


def read_container_logs(
    pods: Sequence[Pod],
    at: datetime,
    *,
    loki: Loki | None,
    client: PodLogs | None,
    deadline: Deadline,
    timeout: float,
    progress: Progress,
) -> Part:
    """The last lines of each troubled container from Loki, or from the API server where Loki has none."""
    wanted = troubled(pods, at)
    names = _labels(loki, at) if loki and wanted else None

    def read(item: Troubled) -> ContainerLog:
        if loki and names and (lines := _from_loki(loki, names, item)):
            return _log(item, lines, "loki")
        if client is None:
            raise Permanent("Loki has no lines of it")
        return _log(item, _from_kubelet(client, item, deadline, timeout), "kubelet")

    logs = gather(
        wanted,
        read,
        at_once=AT_ONCE,
        deadline=deadline,
        done=lambda count: progress("container logs", count, len(wanted)),
    )
    return Part(
        container_logs=tuple(log for log in logs.values() if isinstance(log, ContainerLog)),
        read=(EVIDENCE,),
        remarks=_remarks(logs),
    )


def troubled(pods: Iterable[Pod], at: datetime) -> list[Troubled]:
    """The containers that wait to be started after a crash, failed within the last hour, or hold their pod's start.

    The worst first. One pod, the one that crashed last, for each owner and container name; CONTAINERS of them at most.
    """
    found: dict[tuple[str, str, str], Troubled] = {}
    for item in (item for pod in pods for item in _of_pod(pod, at)):
        key = (item.namespace, item.owner, item.container)
        if key not in found or _rank(item) > _rank(found[key]):
            found[key] = item
    return sorted(found.values(), key=lambda item: (_rank(item), item.namespace, item.pod), reverse=True)[:CONTAINERS]


def _rank(item: Troubled) -> tuple[bool, datetime]:
    return item.waiting, item.end


def _of_pod(pod: Pod, at: datetime) -> Iterator[Troubled]:
    controller = pod.metadata.controller()
    for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        waiting = status.state.waiting is not None and status.state.waiting.reason == "CrashLoopBackOff"
        ended = status.state.terminated or status.last_state.terminated
        holds = _holds(pod, status, at)
        if not waiting and not holds and not (ended and _failed_recently(ended, at)):
            continue
        end = at if holds else (ended and ended.finished_at) or at
        yield Troubled(
            namespace=pod.namespace,
            pod=pod.name,
            container=status.name,
            owner=f"{controller.kind}/{controller.name}" if controller else pod.name,
            start=end - RECENTLY if holds else (ended and ended.started_at) or end - RECENTLY,
            end=end,
            waiting=waiting,
            previous=status.state.terminated is None and not holds,
        )


def _holds(pod: Pod, status: ContainerStatus, at: datetime) -> bool:
    """Whether it is an init container that has been at work for long, while its pod waits to start."""
    running = status.state.running
    long = running is not None and running.started_at is not None and at - running.started_at >= AT_WORK
    return long and pod.status.phase == "Pending" and status in pod.status.init_container_statuses


def _failed_recently(ended: ContainerStateTerminated, at: datetime) -> bool:
    failed = ended.exit_code != 0 or ended.signal != 0
    return failed and ended.finished_at is not None and at - ended.finished_at <= RECENTLY


def _labels(loki: Loki, at: datetime) -> dict[str, str] | None:
    """What the labels that lead to a container are called there; None where they are not all known."""
    try:
        known = loki.labels(at - RECENTLY, at)
    except SourceError:
        return None  # why Loki fails is said by its own source; the API server has these logs too
    names = {meaning: next((name for name in names if name in known), "") for meaning, names in _NAMES.items()}
    return names if all(names.values()) else None


def _from_loki(loki: Loki, names: dict[str, str], item: Troubled) -> tuple[LogLine, ...]:
    """The last lines before the crash; none where Loki has none or refuses, for then the API server is asked."""
    query = selector({names["namespace"]: item.namespace, names["pod"]: item.pod, names["container"]: item.container})
    try:
        # Kubernetes cuts the times of a container to whole seconds.
        return loki.lines(query, item.start - timedelta(seconds=1), item.end + timedelta(seconds=1), LINES)
    except SourceError:
        return ()


def _from_kubelet(client: PodLogs, item: Troubled, deadline: Deadline, timeout: float) -> tuple[LogLine, ...]:
    try:
        text = client.pod_log(
            item.namespace,
            item.pod,
            item.container,
            previous=item.previous,
            tail_lines=LINES,
            timeout=deadline.bound(timeout),
        )
    except ClusterUnreachable as error:
        raise Retryable(str(error)) from error  # the objects were read: what is missing now is one log
    return tuple(LogLine(line.rstrip("\r")) for line in text.rstrip("\n").split("\n") if line)


def _log(item: Troubled, lines: Sequence[LogLine], origin: Literal["loki", "kubelet"]) -> ContainerLog:
    return ContainerLog(
        namespace=item.namespace,
        pod=item.pod,
        container=item.container,
        lines=inoffensive(lines),
        origin=origin,
        previous=item.previous,
    )


def _remarks(logs: Mapping[Troubled, ContainerLog | SourceError]) -> tuple[str, ...]:
    failed = {item: error for item, error in logs.items() if isinstance(error, SourceError)}
    if not failed:
        return ()
    item, error = next(iter(failed.items()))
    return (f"logs of {len(failed)} of {len(logs)} crashed containers not read: {item.namespace}/{item.pod}: {error}",)
