"""coredns-errors: the cluster's DNS answers with SERVFAIL."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.engine.probe import Absent, probe
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value

ANSWERS = "promql:sum(rate(coredns_dns_responses_total[15m]))"
FAILED = 'promql:sum by (zone) (rate(coredns_dns_responses_total{rcode="SERVFAIL"}[15m])) > 0'


@probe(needs=(ANSWERS, FAILED))
def coredns_errors(view: View, *, ratio: float, critical: float, rate: float) -> Iterator[Hit]:
    """More than *ratio* of CoreDNS's answers of the last 15 minutes are SERVFAIL, and at least *rate* a second of them.

    Critical from *critical* on. Skipped where Prometheus has no metrics of CoreDNS. Raises Absent for that.
    """
    answers = view.answer(ANSWERS)
    if not answers:
        raise Absent("no metrics of CoreDNS: Prometheus has no series of coredns_dns_responses_total")
    every = answers[0].number
    failed = {sample.labels.get("zone", ""): sample for sample in view.answer(FAILED)}
    failing = sum(sample.number for sample in failed.values())
    if not every or failing / every <= ratio or failing < rate:
        return
    worst = sorted(failed.items(), key=lambda item: -item[1].number)
    yield Hit(
        ref=Ref("Cluster", view.snapshot.cluster),
        summary=f"{failing / every:.1%} of CoreDNS's answers are SERVFAIL",
        evidence=(
            Evidence("metric", f"{failing:.2f} of {every:.1f} answers a second are SERVFAIL", answers[0].at),
            *(
                Evidence("metric", f"zone {zone or '.'}: {item.number:.2f} a second", item.at)
                for zone, item in worst[:4]
            ),
        ),
        value=Value(failing / every, "ratio"),
        severity="critical" if failing / every >= critical else None,
    )
