"""Alerts that nobody is told of, and a stack that no longer evaluates, sends or records."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.testbed.faults.base import Expected, Fault
from tests.testbed.faults.signals import fresh_address
from tests.testbed.observability import Target
from tests.testbed.process import poll
from tests.testbed.source import Sample
from tests.testbed.stack_metrics import alertmanager_samples, loki_samples, operator_samples, target
from tests.testbed.telemetry import fresh_logs, stream

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

#: A critical alert that fires, for what hides it.
LEDGER = {
    "alert": "LedgerDown",
    "expr": "vector(1)",
    "labels": {"severity": "critical", "namespace": "payments", "service": "ledger"},
    "annotations": {"summary": "The ledger does not answer.", "runbook_url": "https://runbooks.example.com/ledger"},
}


def fire(bed: Testbed, rule: dict[str, Any]) -> None:
    bed.stack.rules(f"fault-{rule['alert']}", [rule])
    bed.stack.wait_firing(rule["alert"])


def end(bed: Testbed, rule: dict[str, Any]) -> None:
    bed.stack.rules(f"fault-{rule['alert']}", None)
    bed.stack.wait_firing(rule["alert"], firing=False)


@dataclass(frozen=True)
class Silenced(Fault):
    """A silence of these matchers, name and value, and LedgerDown, if it is to fire."""

    matcher: tuple[str, str]
    days: int
    firing: bool = True

    def inject(self, bed: Testbed) -> None:
        if self.firing:
            fire(bed, LEDGER)
        bed.stack.silence_matching(self.matcher, "night shift", "too loud", dt.timedelta(days=self.days))

    def _mine(self, bed: Testbed) -> list[dict[str, Any]]:
        return [item for item in bed.stack.silences()
                if item["createdBy"] == "night shift" and item["status"]["state"] == "active"]  # fmt: skip

    def clear(self, bed: Testbed) -> None:
        for item in self._mine(bed):
            bed.stack.expire(item["id"])
        if self.firing:
            end(bed, LEDGER)


@dataclass(frozen=True)
class Inhibited(Fault):
    """An inhibit rule whose label for `equal` no alert has: Watchdog hides every critical alert."""

    def inject(self, bed: Testbed) -> None:
        fire(bed, LEDGER)
        rule = {"source_matchers": ['alertname="Watchdog"'], "target_matchers": ['severity="critical"'],
                "equal": ["datacenter"]}  # fmt: skip
        bed.stack.inhibit([rule])
        poll(lambda: bool(self._inhibited(bed)), "LedgerDown inhibited")

    def _inhibited(self, bed: Testbed) -> list[dict[str, Any]]:
        return [alert for alert in bed.stack.alerts() if alert["status"]["inhibitedBy"]]

    def clear(self, bed: Testbed) -> None:
        bed.stack.inhibit([])
        end(bed, LEDGER)


@dataclass(frozen=True)
class Rules(Fault):
    """A group of one rule, which Prometheus has evaluated."""

    rule: dict[str, Any]

    def inject(self, bed: Testbed) -> None:
        bed.stack.rules(self.expect.name, [self.rule])
        poll(lambda: self._health(bed) not in ("", "unknown"), f"{self.expect.name} evaluated")

    def _health(self, bed: Testbed) -> str:
        groups = [group for group in bed.stack.rule_groups() if group["name"] == self.expect.name]
        return str(groups[0]["rules"][0]["health"]) if groups else ""

    def clear(self, bed: Testbed) -> None:
        bed.stack.rules(self.expect.name, None)
        poll(lambda: not self._health(bed), f"{self.expect.name} gone")


@dataclass(frozen=True)
class LastingWarning(Fault):
    """A warning since three days, sent to Alertmanager past Prometheus, which is not that old here."""

    def _send(self, bed: Testbed, ends: dt.timedelta) -> None:
        now = dt.datetime.now(dt.UTC)
        bed.stack.send_alert({
            "labels": {"alertname": self.expect.name, "namespace": self.expect.namespace, "severity": "warning"},
            "annotations": {"summary": "The exchange rates are older than a day."},
            "startsAt": (now - dt.timedelta(days=3)).isoformat(),
            "endsAt": (now + ends).isoformat(),
        })  # fmt: skip

    def inject(self, bed: Testbed) -> None:
        self._send(bed, dt.timedelta(hours=1))
        bed.stack.wait_firing(self.expect.name)

    def clear(self, bed: Testbed) -> None:
        self._send(bed, dt.timedelta(0))
        bed.stack.wait_firing(self.expect.name, firing=False)


@dataclass(frozen=True)
class Measured(Fault):
    """One more pod of the stack, that has measured trouble for hours."""

    namespace: str
    pod: str
    job: str
    samples: Callable[[], list[Sample]]

    @property
    def _target(self) -> Target:
        return target(self.namespace, self.job, self.pod, f"{fresh_address('10.9')}:9090", *self.samples())

    def inject(self, bed: Testbed) -> None:
        bed.stack.scrape([self._target])
        poll(lambda: bool(bed.stack.query(f'up{{pod="{self.pod}"}} == 1')), f"{self.pod} is scraped")

    def clear(self, bed: Testbed) -> None:
        bed.stack.unscrape(self._target.key)
        bed.stack.hide(self._target.key)
        selector = f'{{pod="{self.pod}"}}'

        def gone() -> bool:
            bed.stack.forget(selector)
            return not bed.stack.query(selector)

        poll(gone, f"series of {self.pod} gone", every=1.0)


@dataclass(frozen=True)
class NoExporter(Fault):
    """The node exporter of one node is no target any more."""

    @property
    def _key(self) -> str:
        return f"node-{self.expect.name}"

    def inject(self, bed: Testbed) -> None:
        bed.stack.unscrape(self._key)
        query = f'up{{job="node-exporter",nodename="{self.expect.name}"}}'
        poll(lambda: not bed.stack.query(query), f"no series of the exporter on {self.expect.name}")

    def clear(self, bed: Testbed) -> None:
        if self._key not in bed.stack.scraped():
            from tests.testbed.telemetry import targets

            found = next(item for item in targets(bed) if item.key == self._key)
            bed.stack.scrape([found], history=False)
        query = f'up{{job="node-exporter",nodename="{self.expect.name}"}} == 1'
        poll(lambda: bool(bed.stack.query(query)), f"{self.expect.name} is scraped again")


@dataclass(frozen=True)
class SilentNamespace(Fault):
    """A namespace that runs, logged yesterday, and logs no more."""

    def inject(self, bed: Testbed) -> None:
        began = time.time() - 24.5 * 3600
        labels = stream(self.expect.name, "gone-quiet", "gone-quiet-0", "worker-1")
        bed.stack.log([(labels, [(began + number, 'level=info msg="served"') for number in range(300)])])

    def clear(self, bed: Testbed) -> None:
        fresh_logs(bed)


def _zero(samples: list[Sample], *names: str) -> list[Sample]:
    return [replace(sample, value=0.0) if sample.name in names else sample for sample in samples]


FAULTS: tuple[Fault, ...] = (
    Silenced("silence-matches-everything", Expected("silence-matches-everything", "Silence", None, "", "night shift"),
             (), ("severity", ".+"), 2),
    Silenced("silence-hides-critical", Expected("silence-hides-critical", "Silence", None, "", "LedgerDown"), (),
             ("alertname", "LedgerDown"), 2),
    Silenced("silence-never-ends", Expected("silence-never-ends", "Silence", None, "", "too loud"), (),
             ("alertname", "CPUThrottlingMedium"), 3650, firing=False),
    Inhibited("inhibit-rule-too-wide",
              Expected("inhibit-rule-too-wide", "InhibitRule", None, "rule-1", "Watchdog"), ()),
    Rules("rule-group-failing", Expected("rule-group-failing", "RuleGroup", None, "ledger-rates", "many-to-many"), (),
          {"record": "ledger:up", "expr": "up * on (namespace) up"}),
    Rules("alert-without-runbook", Expected("alert-without-runbook", "RuleGroup", None, "ledger-alerts", "LedgerSlow"),
          (), {"alert": "LedgerSlow", "expr": "vector(0) > 1", "labels": {"severity": "warning"}}),
    LastingWarning("warning-alert-firing",
                   Expected("warning-alert-firing", "Alert", "payments", "ExchangeRatesOld", "exchange rates"), ()),
    Measured("alert-notifications-failing",
             Expected("alert-notifications-failing", "Receiver", "paging", "slack", "100.0%"), (),
             "paging", "paging-0", "paging", lambda: alertmanager_samples(failing=0.1)),
    Measured("monitoring-config-rejected",
             Expected("monitoring-config-rejected", "Pod", "paging", "paging-1", "old one"), (),
             "paging", "paging-1", "paging",
             lambda: _zero(alertmanager_samples(), "alertmanager_config_last_reload_successful")),
    Measured("loki-lines-discarded", Expected("loki-lines-discarded", "Tenant", "logging", "fake", "rate_limited"), (),
             "logging", "loki-write-9", "loki", lambda: loki_samples(discarded=30.0)),
    Measured("prometheus-operator-failing",
             Expected("prometheus-operator-failing", "Pod", "monitoring", "operator-9", "ServiceMonitor"), (),
             "monitoring", "operator-9", "operator", lambda: operator_samples(rejected=2.0)),
    NoExporter("node-exporter-missing",
               Expected("node-exporter-missing", "Node", None, "worker-3", "node exporter"), ()),
    SilentNamespace("logs-stopped", Expected("logs-stopped", "Namespace", None, "monitoring", "ready pods"), ()),
)  # fmt: skip
