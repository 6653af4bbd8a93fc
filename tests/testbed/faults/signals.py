"""What only metrics, alerts and logs tell."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.testbed.api import Object
from tests.testbed.faults.base import Expected, Fault, pods, remove
from tests.testbed.objects import stateful_set, volumes_of
from tests.testbed.observability import Target
from tests.testbed.process import poll
from tests.testbed.source import Sample
from tests.testbed.telemetry import (
    GI,
    WATCHDOG,
    WATCHDOG_INTERVAL,
    application_target,
    fresh_logs,
    kubelet_labels,
    stream,
    volume_samples,
)

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed


def fresh_address(network: str) -> str:
    """An address that no series had yet: Prometheus takes no past for a series that it knew, not even when deleted."""
    number = int(time.time()) % 65536
    return f"{network}.{number >> 8}.{number & 255}"


@dataclass(frozen=True)
class FullVolume(Fault):
    """One of the platform's volumes reports hardly anything free."""

    free: str
    of: str
    share: float

    def _set(self, bed: Testbed, share: float) -> None:
        key, samples = self._source(bed)
        total = next(s.value for s in samples if self._mine(s, self.of))
        values = {self.free: total * share, self.free.replace("available", "used").replace("free", "used"): 0.0}
        values[next(name for name in values if name != self.free)] = total * (1 - share)
        changed = [
            replace(s, value=values[s.name.removeprefix("kubelet_volume_stats_")], rate=0.0)
            if self._mine(s, *values) else s for s in samples
        ]  # fmt: skip
        bed.stack.expose(key, changed)
        query = f'kubelet_volume_stats_{self.free}{{persistentvolumeclaim="{self.expect.name}"}}'
        wanted = total * share
        poll(
            lambda: any(abs(float(r["value"][1]) - wanted) < 1 for r in bed.stack.query(query)),
            f"Prometheus sees {self.expect.name} change",
        )

    def _mine(self, sample: Sample, *names: str) -> bool:
        of = sample.labels.get("persistentvolumeclaim") == self.expect.name
        return of and sample.name.removeprefix("kubelet_volume_stats_") in names

    def _source(self, bed: Testbed) -> tuple[str, list[Sample]]:
        for node in bed.api.list("Node"):
            key = f"kubelet-{node['metadata']['name']}"
            samples = bed.stack.samples(key)
            if any(self._mine(sample, self.of) for sample in samples):
                return key, samples
        raise AssertionError(f"no kubelet reports {self.expect.name}")

    def inject(self, bed: Testbed) -> None:
        self._set(bed, self.share)

    def clear(self, bed: Testbed) -> None:
        self._set(bed, 0.67 if self.free == "available_bytes" else 0.98)


@dataclass(frozen=True)
class FillingVolume(Fault):
    """A workload of its own, whose volume filled steadily for hours and will be full within days."""

    node = "worker-1"

    @property
    def workload(self) -> Object:
        image = "quay.io/strimzi/kafka:0.43.0-kafka-3.8.0"
        return stateful_set(self.expect.namespace or "", "events", image, 1, "100Gi")

    @property
    def _key(self) -> str:
        return f"kubelet-filling-{self.expect.name}"

    def inject(self, bed: Testbed) -> None:
        for obj in [*volumes_of(self.workload), self.workload]:
            bed.api.apply(obj)
        samples = volume_samples(self.expect.namespace or "", self.expect.name, 100 * GI, 0.75, 120_000.0)
        labels = kubelet_labels(self.node, "/metrics/filling") | {"instance": f"{fresh_address('10.0')}:10250"}
        bed.stack.scrape([Target(self._key, labels, tuple(samples))])
        query = f'kubelet_volume_stats_available_bytes{{persistentvolumeclaim="{self.expect.name}"}}'
        poll(lambda: bool(bed.stack.query(query)), "Prometheus sees the filling volume")

    def clear(self, bed: Testbed) -> None:
        bed.stack.unscrape(self._key)
        bed.stack.hide(self._key)
        mine = f'persistentvolumeclaim="{self.expect.name}"'
        forget(bed, f"{{{mine}}}", 'up{metrics_path="/metrics/filling"}')
        remove(bed, self.workload)
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                 "metadata": {"namespace": self.expect.namespace, "name": self.expect.name}}  # fmt: skip
        remove(bed, claim, *volumes_of(self.workload))


def forget(bed: Testbed, *selectors: str) -> None:
    """Delete series, once no scrape renews them."""

    def gone() -> bool:
        bed.stack.forget(*selectors)
        return not any(bed.stack.query(selector) for selector in selectors)

    poll(gone, f"series {' '.join(selectors)} gone", every=1.0)


@dataclass(frozen=True)
class TargetDown(Fault):
    """A ServiceMonitor's target that has not answered for hours."""

    @property
    def _target(self) -> Target:
        namespace, app = self.expect.namespace or "", self.expect.name
        return application_target(namespace, app, f"{app}-metrics-0", f"{fresh_address('10.244')}:8080")

    def inject(self, bed: Testbed) -> None:
        bed.stack.scrape([replace(self._target, samples=())], up=0.0)
        query = f'up{{job="{self.expect.name}"}} == 0'
        poll(lambda: bool(bed.stack.query(query)), "Prometheus sees the target down")

    def clear(self, bed: Testbed) -> None:
        bed.stack.unscrape(self._target.key)
        forget(bed, f'{{job="{self.expect.name}"}}')


@dataclass(frozen=True)
class Alert(Fault):
    rule: dict[str, object]

    def inject(self, bed: Testbed) -> None:
        bed.stack.rules(f"fault-{self.expect.name}", [self.rule])
        bed.stack.wait_firing(self.expect.name)

    def clear(self, bed: Testbed) -> None:
        bed.stack.rules(f"fault-{self.expect.name}", None)
        bed.stack.wait_firing(self.expect.name, firing=False)


@dataclass(frozen=True)
class NoWatchdog(Fault):
    def inject(self, bed: Testbed) -> None:
        bed.stack.rules("watchdog", None)
        bed.stack.wait_firing("Watchdog", firing=False)

    def clear(self, bed: Testbed) -> None:
        bed.stack.rules("watchdog", [WATCHDOG], WATCHDOG_INTERVAL)
        bed.stack.wait_firing("Watchdog")


@dataclass(frozen=True)
class ErrorLogs(Fault):
    """One application suddenly logs an error every second, as it never did before."""

    line: str
    minutes: int

    def inject(self, bed: Testbed) -> None:
        namespace, app = self.expect.namespace or "", self.expect.name
        now = time.time()
        streams = []
        for pod in pods(bed, namespace, app):
            labels = stream(namespace, app, pod["metadata"]["name"], pod["spec"]["nodeName"]) | {"stream": "stderr"}
            streams.append((labels, [(now - n, self.line) for n in range(self.minutes * 60, 0, -1)]))
        bed.stack.log(streams)

    def clear(self, bed: Testbed) -> None:
        fresh_logs(bed)


FAULTS: tuple[Fault, ...] = (
    FullVolume(
        "volume-nearly-full/bytes",
        Expected("volume-nearly-full", "PersistentVolumeClaim", "data", "data-redis-0", "%"),
        ("pv-fills-soon",),
        "available_bytes",
        "capacity_bytes",
        0.03,
    ),
    FullVolume(
        "volume-nearly-full/inodes",
        Expected("volume-nearly-full", "PersistentVolumeClaim", "payments", "data-postgres-1", "inode"),
        (),
        "inodes_free",
        "inodes",
        0.02,
    ),
    FillingVolume(
        "pv-fills-soon", Expected("pv-fills-soon", "PersistentVolumeClaim", "data", "data-events-0", "full within"), ()
    ),
    TargetDown("target-down", Expected("target-down", "ScrapeJob", "shop", "ledger-sync", "ledger-sync"), ()),
    Alert(
        "critical-alert-firing",
        Expected("critical-alert-firing", "Alert", "shop", "CheckoutErrorRateHigh", "12%"),
        (),
        {
            "alert": "CheckoutErrorRateHigh",
            "expr": "vector(0.12)",
            "labels": {"severity": "critical", "namespace": "shop", "service": "checkout"},
            "annotations": {
                "summary": "12% of checkouts fail.",
                "runbook_url": "https://runbooks.example.com/checkout-error-rate",
            },
        },
    ),
    NoWatchdog("watchdog-missing", Expected("watchdog-missing", "Alert", None, "Watchdog", "Watchdog"), ()),
    ErrorLogs(
        "error-log-spike",
        Expected("error-log-spike", "App", "payments", "fraud-detector", "error"),
        (),
        'level=error msg="scoring model not loaded" model=v7 error="open /models/v7.onnx: no such file or directory"',
        10,
    ),
)
