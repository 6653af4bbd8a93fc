"""What applications, the ingress controller, databases and queues measure of themselves when they are in trouble."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.testbed import middleware
from tests.testbed.faults.base import Expected, Fault
from tests.testbed.middleware import target
from tests.testbed.observability import Target
from tests.testbed.process import poll
from tests.testbed.source import Sample

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed


@dataclass(frozen=True)
class Measured(Fault):
    """An exporter that has said for hours what tells of the trouble, at an address that no series had yet."""

    exporter: Target

    def _fresh(self) -> Target:
        return replace(self.exporter, labels={**self.exporter.labels, "instance": f"fault-{time.time():.0f}:9100"})

    @property
    def _selector(self) -> str:
        return '{instance=~"fault-.+"}'

    def inject(self, bed: Testbed) -> None:
        bed.stack.scrape([self._fresh()])
        poll(lambda: bool(bed.stack.query(f"up{self._selector} == 1")), f"Prometheus scrapes {self.name}")

    def clear(self, bed: Testbed) -> None:
        bed.stack.unscrape(self.exporter.key)
        bed.stack.hide(self.exporter.key)

        def gone() -> bool:
            bed.stack.forget(self._selector)
            return not bed.stack.query(self._selector)

        poll(gone, f"series of {self.name} gone", every=1.0)


def _requests(**by_code: float) -> list[Sample]:
    """Counters of requests by status: c200=10 is ten a second that ended with 200."""
    return [
        Sample("http_requests_total", {"code": code.removeprefix("c"), "method": "POST"}, 1e6, rate)
        for code, rate in by_code.items()
    ]


FAULTS: tuple[Fault, ...] = (
    Measured(
        "error-rate-high",
        Expected("error-rate-high", "Service", "shop", "checkout", "fail with a server error"),
        (),
        # Its healthy pods answer 24 requests a second, too.
        target("shop", "checkout", *_requests(c200=10.0, c503=8.5), instance="10.9.0.1:8080"),
    ),
    Measured(
        "ingress-error-rate-high",
        Expected("ingress-error-rate-high", "Ingress", "shop", "shop", "frontend"),
        (),
        target(
            "ingress-nginx",
            "ingress-nginx-controller-metrics",
            *middleware.ingress_samples("shop", "shop", "frontend", errors=0.4),
            instance="10.9.0.2:10254",
        ),
    ),
    Measured(
        "kafka-consumer-lag-growing",
        Expected("kafka-consumer-lag-growing", "KafkaConsumerGroup", "data", "enrichment", "events"),
        (),
        target(
            "data", "kafka-exporter", *middleware.kafka_samples("enrichment", 90000.0, 3.0), instance="10.9.0.3:9308"
        ),
    ),
    Measured(
        "redis-memory-full",
        Expected("redis-memory-full", "Service", "payments", "queue", "97.0%"),
        (),
        target("payments", "queue", *middleware.redis_samples(0.97, "noeviction"), instance="10.9.0.4:9121"),
    ),
    Measured(
        "postgres-connections-exhausted",
        Expected("postgres-connections-exhausted", "Service", "data", "timescaledb", "99.0%"),
        (),
        target("data", "timescaledb", *middleware.postgres_samples(96.0), instance="10.9.0.5:9187"),
    ),
)
