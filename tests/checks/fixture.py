"""A fixture: what the API, Prometheus, Loki and Alertmanager would have said at one moment, as one readable file.

taken_at: 2026-03-02T03:00:00Z
objects: []         # plain manifests with their status, as the API returns them
custom: []          # custom resources, likewise
alerts: []          # {labels, annotations, starts_at, state}
silences: []        # {id, matchers: [{name, value, is_regex, is_equal}], starts_at, ends_at, created_by, comment}
alertmanager: null  # {inhibit_rules: [{source, target, equal}], receivers, route, ...}: model.alerting
hosts: []           # {name, addresses, canonical, failed, reason, certificate, status, unknown}: model.hosts
load_balancers: {}  # name of a load balancer -> its addresses
journal: {}         # {runs: [newest first], configured: {etcd: {rpo_s, ...}}, unreadable}: model.backup.Recorded
rules: []           # {name, interval, rules: [{name, type, health, last_error, severity, annotations}]}
container_logs: []  # {namespace, pod, container, lines: [{text, at}], origin}
series: []          # {series: 'up{job="a"}', values: '1x10'}: promtool's notation, a step every five minutes,
at: 2d              # and the moment on that time line at which the query is asked
samples: []         # {query: logql | examines, labels, value}: what Loki answers to a logql check, or with the query
                    # itself to a probe
lines: []           # the sample lines that Loki gives for every series
server_version: v1.36.3  # of the API server; this, where it is not written
unread: {}          # evidence that could not be read, and why
expect: []          # fires*: {ref, summary: [words], severity, affected, evidence: [words], details, symptoms}
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from hubops.config import Config
from hubops.engine.needs import needs_of
from hubops.engine.parameters import render
from hubops.model.alerting import AlertmanagerStatus, RuleGroup, Silence
from hubops.model.backup import Recorded
from hubops.model.check import Check
from hubops.model.hosts import Host
from hubops.model.kube.kinds import BY_NAME, BY_PLURAL, Objects
from hubops.model.logql import fill_labels
from hubops.model.snapshot import Alert, ContainerLog, LogLine, Sample, Snapshot
from tests.checks import promtool


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    series: str
    values: str


class LokiSample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: str
    labels: dict[str, str]
    value: float


class Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One finding. What is not written is not compared, but for the symptoms: those are all."""

    check: str | None = None
    ref: str
    severity: str
    summary: tuple[str, ...]
    affected: int = 1
    evidence: tuple[str, ...] = ()
    pieces: int | None = None  # of evidence, in all
    details: dict[str, str] = {}
    symptoms: tuple[str, ...] = ()
    since: datetime | None = None


class Fixture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    taken_at: datetime
    objects: tuple[dict[str, Any], ...] = ()
    custom: tuple[dict[str, Any], ...] = ()
    alerts: tuple[Alert, ...] = ()
    silences: tuple[Silence, ...] = ()
    alertmanager: AlertmanagerStatus | None = AlertmanagerStatus()
    rules: tuple[RuleGroup, ...] = ()
    hosts: tuple[Host, ...] = ()
    load_balancers: dict[str, tuple[str, ...]] = {}
    journal: Recorded = Recorded()
    container_logs: tuple[ContainerLog, ...] = ()
    series: tuple[Series, ...] = ()
    at: str = "2d"
    samples: tuple[LokiSample, ...] = ()
    lines: tuple[LogLine, ...] = ()
    server_version: str | None = "v1.36.3"
    unread: dict[str, str] = {}
    expect: tuple[Expected, ...] = ()


def load(path: Path) -> Fixture:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with path.open(encoding="utf-8") as file:
        return msgspec.convert(yaml.load(file, Loader=loader), Fixture)  # noqa: S506 - it is a safe loader


def snapshot(fixture: Fixture, checks: list[Check]) -> Snapshot:
    """The snapshot that a collector would have brought home for *checks*."""
    needs = needs_of(checks, Config())
    asked = sorted(query for query in needs.promql if f"promql:{query}" not in fixture.unread)
    series = [msgspec.to_builtins(item) for item in fixture.series]
    metrics = promtool.evaluate(asked, series, fixture.at, fixture.taken_at)
    logs, lines = _loki(fixture, checks)
    logs |= _loki_of_probes(fixture, needs.logql - logs.keys())
    others = {"alerts", "silences", "alertmanager-status", "rules", "hosts", "journal", "container-logs"}
    read = {*BY_PLURAL, *others, *needs.custom}
    read |= {f"promql:{query}" for query in metrics} | {f"logql:{query}" for query in logs}
    return Snapshot(
        hubops_version="0",
        cluster="fixture",
        taken_at=fixture.taken_at,
        server_version=fixture.server_version,
        objects=_objects(fixture),
        custom=_custom(fixture),
        metrics=metrics,
        log_metrics=logs,
        log_lines=lines,
        alerts=fixture.alerts,
        silences=fixture.silences,
        alertmanager=fixture.alertmanager,
        rules=fixture.rules,
        hosts=fixture.hosts,
        load_balancers=fixture.load_balancers,
        journal=fixture.journal,
        container_logs=fixture.container_logs,
        read=tuple(sorted(read - fixture.unread.keys())),
        unread=fixture.unread,
    )


def _objects(fixture: Fixture) -> Objects:
    grouped: dict[str, list[Any]] = {}
    for item in fixture.objects:
        kind = BY_NAME[item["kind"]]
        assert item["apiVersion"] == kind.api_version, f"{item['kind']} is {kind.api_version}"
        grouped.setdefault(kind.plural, []).append(msgspec.convert(item, kind.type))
    return Objects(**{plural: tuple(items) for plural, items in grouped.items()})


def _custom(fixture: Fixture) -> dict[str, tuple[dict[str, Any], ...]]:
    """Custom resources as they arrive: JSON, with times as text."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for item in fixture.custom:
        group = item["apiVersion"].partition("/")[0]
        arrived = msgspec.json.decode(msgspec.json.encode(item))
        grouped.setdefault(f"{item['kind'].lower()}s.{group}", []).append(arrived)
    return {name: tuple(items) for name, items in grouped.items()}


Answers = dict[str, tuple[Sample, ...]]
Lines = dict[str, tuple[LogLine, ...]]


def _loki_of_probes(fixture: Fixture, queries: frozenset[str]) -> Answers:
    """What Loki answers to the queries of probes, which a fixture writes out."""
    return {
        query: tuple(
            Sample(item.labels, repr(item.value), fixture.taken_at) for item in fixture.samples if item.query == query
        )
        for query in queries
        if f"logql:{query}" not in fixture.unread
    }


def _loki(fixture: Fixture, checks: list[Check]) -> tuple[Answers, Lines]:
    """What Loki answers to the queries of the logql checks, and the lines behind every series of the answers."""
    answers: Answers = {}
    lines: Lines = {}
    for check in checks:
        if check.logql is None:
            continue
        asked = {"logql": check.logql} | ({"examines": check.examines.query} if check.examines else {})
        for role, query in asked.items():
            found = [item for item in fixture.samples if item.query == role]
            answers[render(query, check.with_)] = tuple(
                Sample(item.labels, repr(item.value), fixture.taken_at) for item in found
            )
            for item in found if role == "logql" and check.lines else ():
                lines[fill_labels(render(check.lines or "", check.with_), item.labels)] = fixture.lines
    return answers, lines
