from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hubops.config import Config, convert
from hubops.engine.ignores import IGNORE_EXPIRED
from hubops.engine.probe import probe
from hubops.engine.runner import Outcome, run
from hubops.engine.view import View
from hubops.model.check import Check, Examines, RefLabels
from hubops.model.finding import Hit, Ref
from hubops.model.report import CheckResult
from hubops.model.snapshot import Snapshot
from tests.engine.make import check, deployment_pods, sample, snapshot


@probe(needs=("pods", "nodes"), uses=("events",))
def every_pod(view: View, *, restarts: int = 0) -> Iterator[Hit]:
    """Every pod is a hit, if it has *restarts* or fewer."""
    for item in view.objects.pods:
        if restarts <= 1:
            yield Hit(ref=Ref("Pod", item.name, item.namespace), summary="bad")


@probe(needs=("pods",))
def trips(view: View) -> Iterator[Hit]:
    """The first pod is a hit; then the probe stumbles over its data."""
    item = view.objects.pods[0]
    yield Hit(ref=Ref("Pod", item.name, item.namespace), summary="bad")
    raise KeyError("status\x1b[0m")


@probe(needs=("pods",))
def broken(view: View) -> Iterator[Hit]:
    """Fails in a way that no data can cause."""
    raise RecursionError("too deep")
    yield


@probe(needs=("certificates.cert-manager.io",))
def certificates(view: View) -> Iterator[Hit]:
    """Nothing."""
    yield from ()


PROBES = {"every_pod": every_pod, "trips": trips, "broken": broken, "certificates": certificates}
PODS, REPLICASET = deployment_pods("cart", 3)
TAKEN = snapshot(*PODS, REPLICASET, read=("nodes",))
BAD = check("bad", probe="every_pod")


def ran(taken: Snapshot, *checks: Check, **config: Any) -> Outcome:
    return run(taken, checks, convert(config, Config, "x"), PROBES)


def result(taken: Snapshot, of: Check, **config: Any) -> CheckResult:
    (only,) = ran(taken, of, **config).results
    return only


def test_what_fires() -> None:
    outcome = ran(TAKEN, BAD)
    assert outcome.results == (CheckResult(id="bad", status="fired", examined=3, of="pods"),)
    assert [(one.ref, one.affected) for one in outcome.findings] == [(Ref("Deployment", "cart", "shop"), 3)]


def test_what_passes() -> None:
    quiet = check("quiet", probe="every_pod", with_={"restarts": 5})
    assert result(TAKEN, quiet) == CheckResult(id="quiet", status="passed", examined=3, of="pods")


def test_evidence_that_could_not_be_read_makes_unknown() -> None:
    taken = snapshot(*PODS, read=("nodes",), unread={"pods": "403 Forbidden: pods is forbidden"})
    outcome = ran(taken, BAD)
    assert (outcome.results[0].status, outcome.findings) == ("unknown", ())
    assert outcome.results[0].reason == "pods: 403 Forbidden: pods is forbidden"


def test_evidence_that_nobody_read_makes_unknown() -> None:
    answer = result(snapshot(), BAD)
    assert answer.status == "unknown"
    assert answer.reason == "this snapshot holds no pods; this snapshot holds no nodes"


def test_evidence_that_only_enriches_is_not_missed() -> None:
    taken = snapshot(*PODS, REPLICASET, read=("nodes",), unread={"events": "403"})
    assert result(taken, BAD).status == "fired"


def test_what_is_switched_off_is_skipped() -> None:
    off = {"promql:up": "switched off in hubops.yaml"}
    answer = result(snapshot(unread=off), check(promql="up"))
    assert (answer.status, answer.reason) == ("skipped", "switched off in hubops.yaml")


def test_what_is_not_installed_is_skipped() -> None:
    of = check(cel="true", kind="certificates.cert-manager.io/v1")
    absent = {"certificates.cert-manager.io": "this cluster does not serve certificates.cert-manager.io"}
    answer = result(snapshot(unread=absent), of)
    assert (answer.status, answer.reason) == ("skipped", absent["certificates.cert-manager.io"])


def test_a_built_in_kind_that_is_not_served_was_not_looked_at() -> None:
    taken = snapshot(*PODS, unread={"nodes": "this cluster does not serve nodes in v1"})
    assert result(taken, BAD).status == "unknown"


def test_metrics_that_a_site_need_not_have() -> None:
    of = check(promql="lag > 9", examines=Examines(query="count(lag)", absent="no Kafka exporter"))
    read = ("promql:lag > 9", "promql:count(lag)")
    empty = result(snapshot(metrics={"lag > 9": (), "count(lag)": ()}, read=read), of)
    assert (empty.status, empty.reason) == ("skipped", "no Kafka exporter: Prometheus has no series of count(lag)")
    failed = snapshot(metrics={"count(lag)": ()}, read=read[1:], unread={"promql:lag > 9": "503"})
    assert result(failed, of).status == "unknown"


def test_switched_off_is_no_excuse_for_what_failed() -> None:
    taken = snapshot(unread={"pods": "switched off", "nodes": "503"})
    assert result(taken, BAD).status == "unknown"


@pytest.mark.parametrize(
    ("enabled_in_file", "setting", "status", "reason"),
    [
        (True, {"enabled": False}, "skipped", "disabled in hubops.yaml"),
        (False, {}, "skipped", "disabled in its own file"),
        (False, {"enabled": True}, "fired", None),
    ],
)
def test_what_is_disabled_is_skipped(
    enabled_in_file: bool, setting: dict[str, bool], status: str, reason: str | None
) -> None:
    of = check("bad", probe="every_pod", enabled=enabled_in_file)
    answer = result(TAKEN, of, checks={"bad": setting})
    assert (answer.status, answer.reason) == (status, reason)


def test_a_probe_that_stumbles_is_unknown_and_keeps_what_it_found() -> None:
    outcome = ran(TAKEN, check("trips", probe="trips"), BAD)
    assert [one.status for one in outcome.results] == ["unknown", "fired"]
    assert outcome.results[0].reason == "bug in check trips: KeyError: 'status\\x1b[0m'"
    assert {one.check for one in outcome.findings} == {"trips", "bad"}


def test_a_broken_program_is_not_hidden() -> None:
    with pytest.raises(RecursionError):
        ran(TAKEN, check(probe="broken"))


def test_a_refused_query_of_ones_own_names_its_file() -> None:
    refused = "Prometheus: 1:4: parse error (query: up <)"
    taken = snapshot(unread={"promql:up <": refused})
    assert result(taken, check(promql="up <", origin="mine/c.yaml")).reason == f"mine/c.yaml: promql: {refused}"
    assert result(taken, check(promql="up <", origin="hubops/checks/c.yaml")).reason == refused


def test_a_partial_answer_fires_and_is_unknown() -> None:
    taken = snapshot(metrics={"up": (sample("1", node="n1"),)}, unread={"promql:up": "partial answer: a store is down"})
    outcome = ran(taken, check(promql="up", origin="hubops/checks/c.yaml", ref=RefLabels(kind="Node", name="node")))
    assert [one.ref for one in outcome.findings] == [Ref("Node", "n1")]
    assert (outcome.results[0].status, outcome.results[0].reason) == ("unknown", "partial answer: a store is down")


def test_what_it_examines_is_evidence_too() -> None:
    of = check(promql="up", examines=Examines(query="count(up)"))
    taken = snapshot(metrics={"up": ()}, read=("promql:up",), unread={"promql:count(up)": "timeout"})
    assert result(taken, of).status == "unknown"


@pytest.mark.parametrize(
    ("of", "looked_at"),
    [
        (check(promql="up"), "series"),
        (check(cel="has(object.spec.x)", kind="Deployment"), "deployments.apps"),
        (check(cel="has(object.spec.x)", kind="apps.example.com/v1"), "apps.example.com"),
        (check(probe="certificates"), "certificates.cert-manager.io"),
        (IGNORE_EXPIRED, "ignores"),
    ],
)
def test_what_was_looked_at(of: Check, looked_at: str) -> None:
    assert result(snapshot(), of).of == looked_at


def test_namespaces_have_their_own_thresholds_and_severities_are_the_sites() -> None:
    config = {"bad": {"severity": "critical", "namespaces": {"shop": {"restarts": 9}}}}
    other, owner = deployment_pods("web", 2, "data")
    outcome = ran(snapshot(*PODS, REPLICASET, *other, owner, read=("nodes",)), BAD, checks=config)
    assert [(one.ref.name, one.severity, one.affected) for one in outcome.findings] == [("web", "critical", 2)]


def test_ignored_findings_are_counted_and_the_result_says_so() -> None:
    outcome = ran(TAKEN, BAD, ignores=[{"check": "bad", "reason": "known"}])
    assert outcome.findings == ()
    assert [one.reason for one in outcome.ignored] == ["known"]
    assert (outcome.results[0].status, outcome.results[0].reason) == ("fired", "all that it found is ignored")


def test_ignores_that_ran_out_are_reported() -> None:
    ignores = [{"check": "bad", "reason": "load test", "until": "2026-02-28"}]
    outcome = ran(TAKEN, IGNORE_EXPIRED, BAD, ignores=ignores)
    assert [(one.check, one.severity) for one in outcome.findings] == [("bad", "warning"), ("ignore-expired", "info")]
    assert outcome.findings[1].runbook == "ignore-expired"
    assert ran(TAKEN, IGNORE_EXPIRED).results[0].status == "passed"


def test_the_same_snapshot_gives_the_same_outcome() -> None:
    checks = (BAD, check("trips", probe="trips", symptom_of=("bad",)), check("other", probe="every_pod"))
    assert ran(TAKEN, *checks) == ran(TAKEN, *checks)
