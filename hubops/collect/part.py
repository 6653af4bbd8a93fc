"""What reading one source brought: the pieces that a snapshot is put together from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from hubops.errors import SourceError
from hubops.model.alerting import AlertmanagerStatus, RuleGroup, Silence
from hubops.model.backup import Recorded
from hubops.model.hosts import Host
from hubops.model.kube.kinds import Objects
from hubops.model.snapshot import Alert, ContainerLog, LogLine, Sample, not_installed

Status = Literal["ok", "partial", "failed"]


class Progress(Protocol):
    """Told as it goes: *done* of *total* pieces of *source* were read. Called from any thread."""

    def __call__(self, source: str, done: int, total: int) -> None: ...


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The fields are those of Snapshot; a piece of evidence is in `read`, in `unread`, or was not asked for.

    `remarks` say what no check misses but a reader should know: a log that could not be had, a clock that differs.
    """

    server_version: str | None = None
    objects: Objects = Objects()
    custom: dict[str, tuple[dict[str, Any], ...]] = {}
    metrics: dict[str, tuple[Sample, ...]] = {}
    log_metrics: dict[str, tuple[Sample, ...]] = {}
    log_lines: dict[str, tuple[LogLine, ...]] = {}
    alerts: tuple[Alert, ...] = ()
    silences: tuple[Silence, ...] = ()
    alertmanager: AlertmanagerStatus | None = None
    rules: tuple[RuleGroup, ...] = ()
    hosts: tuple[Host, ...] = ()
    load_balancers: dict[str, tuple[str, ...]] = {}
    journal: Recorded = Recorded()
    container_logs: tuple[ContainerLog, ...] = ()
    read: tuple[str, ...] = ()
    unread: dict[str, str] = {}
    remarks: tuple[str, ...] = ()


def nothing(names: Iterable[str], reason: str) -> Part:
    """A part in which all of *names* are unread because of *reason*."""
    return Part(unread=dict.fromkeys(sorted(names), reason))


def errors(results: Mapping[str, object]) -> dict[str, str]:
    """What could not be read, with its reason."""
    return {name: str(result) for name, result in results.items() if isinstance(result, SourceError)}


def status_of(part: Part) -> tuple[Status, str | None]:
    """The status of the source that brought *part*, and why it is not ok."""
    unread = {name: reason for name, reason in part.unread.items() if not not_installed(name, reason)}
    reasons = list(dict.fromkeys(unread.values()))
    text = "; ".join([*_unread(part, len(unread), reasons), *part.remarks])
    if not text:
        return "ok", None
    return ("failed" if reasons and not part.read else "partial"), text


def _unread(part: Part, count: int, reasons: Sequence[str]) -> list[str]:
    if not reasons:
        return []
    first = reasons[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "")
    return [f"{count} of {len(part.read) + len(part.unread)} not read: {first}" if part.read else first]
