"""One frozen moment of a cluster and of its observability stack: all that checks may look at."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from hubops.model.alerting import AlertmanagerStatus, RuleGroup, Silence
from hubops.model.backup import Recorded
from hubops.model.hosts import Host
from hubops.model.kube.kinds import Objects

SCHEMA = "hubops.snapshot/v1"
#: How a reason in `Snapshot.unread` begins for a source that the site does not want to be asked: checks are skipped.
SWITCHED_OFF = "switched off"
#: How it begins for a custom resource that the cluster does not have: what would look at it is not installed.
NOT_SERVED = "this cluster does not serve"


def not_installed(evidence: str, reason: str) -> bool:
    """Whether *evidence* is unread for the *reason* that the cluster has no such custom resource.

    A built-in kind that is not served is another matter: the cluster is too old for what hubops asks.
    """
    return "." in evidence and ":" not in evidence and reason.startswith(NOT_SERVED)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """How the reading of one source went. `url` carries no credentials; `via` says how it was found."""

    name: str  # kubernetes, prometheus, alertmanager, loki
    status: Literal["ok", "partial", "failed"]
    reason: str | None = None
    duration_s: float = 0.0
    url: str | None = None
    via: str | None = None  # "configured", "service proxy monitoring/prometheus-k8s:web", "not found"


class Sample(msgspec.Struct, frozen=True):
    """One series of an instant answer. The value stays text, as the server sent it: JSON has no NaN or Inf."""

    labels: dict[str, str]
    value: str
    at: datetime

    @property
    def number(self) -> float:
        return float(self.value)


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as Alertmanager's API v2 holds it."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: datetime
    updated_at: datetime | None = None  # when its sender last repeated it
    state: str = "active"  # active, suppressed, unprocessed
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    fingerprint: str = ""

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")


class LogLine(msgspec.Struct, frozen=True):
    text: str
    at: datetime | None = None


class ContainerLog(msgspec.Struct, frozen=True, kw_only=True):
    """The last lines of one troubled container, from Loki or from the API server's previous log."""

    namespace: str
    pod: str
    container: str
    lines: tuple[LogLine, ...]
    origin: Literal["loki", "kubelet"]
    previous: bool = False


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Evidence is named as in a probe's `needs`:

    - the plural of a built-in kind ("pods"), in `objects`;
    - plural.group of a custom resource ("certificates.cert-manager.io"), in `custom`, pruned to the fields asked for;
    - "raw:<plural>[.<group>]" for the fields that CEL checks ask of a built-in kind, in `custom` under that name;
    - "promql:<query>" and "logql:<query>", in `metrics` and `log_metrics` by their query;
    - "alerts", "silences" (without expired ones) and "alertmanager-status" (in `alertmanager`), of Alertmanager;
    - "rules", the rule groups of Prometheus;
    - "hosts", what this machine saw of the platform's hosts, with `load_balancers` to hold their addresses against;
    - "journal", what hubops recorded of its backups and drills, and what hubops.yaml promises of them;
    - "container-logs".

    What could not be read is in `unread` under the same name with its reason; what nobody asked for is in neither.
    """

    schema: str = SCHEMA
    hubops_version: str
    cluster: str
    taken_at: datetime
    server_version: str | None = None
    objects: Objects = Objects()
    custom: dict[str, tuple[dict[str, Any], ...]] = {}
    metrics: dict[str, tuple[Sample, ...]] = {}
    log_metrics: dict[str, tuple[Sample, ...]] = {}
    log_lines: dict[str, tuple[LogLine, ...]] = {}  # by LogQL with its labels filled in: sample lines as evidence
    alerts: tuple[Alert, ...] = ()
    silences: tuple[Silence, ...] = ()
    alertmanager: AlertmanagerStatus | None = None
    rules: tuple[RuleGroup, ...] = ()
    hosts: tuple[Host, ...] = ()
    load_balancers: dict[str, tuple[str, ...]] = {}  # addresses of those that the cluster knows by name only
    journal: Recorded = Recorded()
    container_logs: tuple[ContainerLog, ...] = ()
    sources: tuple[Source, ...] = ()
    read: tuple[str, ...] = ()
    unread: dict[str, str] = {}


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a round has to read: the union of what its checks need. Filled by the engine, served by collect."""

    kinds: frozenset[str] = frozenset()  # plurals of built-in kinds
    custom: dict[str, frozenset[str]] = {}  # evidence name -> the field paths to keep ("status.notAfter")
    promql: frozenset[str] = frozenset()
    logql: frozenset[str] = frozenset()
    #: LogQL query -> templates of the sample lines to read for each series of its answer: model.logql.fill_labels
    log_lines: dict[str, frozenset[str]] = {}
    alerts: bool = False
    silences: bool = False
    alertmanager_status: bool = False
    rules: bool = False
    hosts: bool = False
    journal: bool = False
    container_logs: bool = False
