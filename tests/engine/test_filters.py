from __future__ import annotations

from typing import Any

import pytest

from hubops.engine.catalog import Problem
from hubops.engine.filters import chosen, narrow, verify
from hubops.engine.runner import Outcome
from hubops.errors import UsageError
from hubops.model.finding import Finding, Ref, Symptom
from hubops.model.kube.core import Namespace
from hubops.model.report import Counts, Filter
from hubops.model.snapshot import Snapshot
from tests.engine.make import check, meta, pod, snapshot


def finding(kind: str, name: str, namespace: str | None = None, **fields: Any) -> Finding:
    given: dict[str, Any] = {"severity": "warning", "summary": "s", "runbook": "c", "fingerprint": name} | fields
    return Finding(check="c", ref=Ref(kind, name, namespace), **given)


def symptom(ref: Ref) -> Symptom:
    return Symptom(check="d", severity="critical", ref=ref, summary="s")


CLUSTER = snapshot(
    Namespace(metadata=meta("shop", labels={"team": "storefront"})),
    Namespace(metadata=meta("data")),
    pod("cart-1", labels={"team": "checkout"}),
)


def shown(narrowed: Filter, *findings: Finding, cluster: Snapshot = CLUSTER) -> tuple[list[str], Counts]:
    outcome, result = narrow(Outcome((), findings, ()), narrowed, cluster, "team")
    assert result is not None
    return [item.ref.name for item in outcome.findings], result.hidden


def test_without_a_filter_all_is_shown() -> None:
    outcome = Outcome((), (finding("Pod", "a", "shop"),), ())
    assert narrow(outcome, None, CLUSTER, "team") == (outcome, None)


def test_a_namespace_with_what_may_be_the_cause_of_its_trouble() -> None:
    node = finding("Node", "worker-1")
    inside, outside = finding("Pod", "in", "shop"), finding("Pod", "out", "data", severity="critical")
    itself = finding("Namespace", "shop")
    other = finding("Namespace", "data")
    volume = finding("PersistentVolume", "theirs", details={"namespace": "data"})
    cause = finding("Deployment", "database", "data", symptoms=(symptom(Ref("Deployment", "cart", "shop")),))
    names, hidden = shown(Filter(namespaces=("sh*",)), node, inside, outside, itself, other, volume, cause)
    assert names == ["worker-1", "in", "shop", "database"]
    assert hidden == Counts(critical=1, warning=2)


def test_a_team_with_what_belongs_to_nobody_and_what_its_own_trouble_follows_from() -> None:
    mine, theirs = finding("Pod", "mine", "shop", owner="checkout"), finding("Pod", "theirs", "shop", owner="data")
    nobodys, node = finding("Pod", "nobodys", "data"), finding("Node", "worker-1")
    cause = finding("Pod", "database", "data", owner="data", symptoms=(symptom(Ref("Pod", "cart-1", "shop")),))
    alien = finding("Pod", "alien", "data", owner="data", symptoms=(symptom(Ref("Pod", "other", "data")),))
    names, hidden = shown(Filter(teams=("check*",)), mine, theirs, nobodys, node, cause, alien)
    assert names == ["mine", "worker-1", "database"]
    assert hidden == Counts(warning=3)


def test_the_least_severity() -> None:
    findings = [finding("Pod", level, "shop", severity=level) for level in ("critical", "warning", "info")]
    assert shown(Filter(severity="critical"), *findings) == (["critical"], Counts(warning=1, info=1))
    assert shown(Filter(severity="warning"), *findings) == (["critical", "warning"], Counts(info=1))
    assert shown(Filter(severity="info"), *findings) == (["critical", "warning", "info"], Counts())


def test_filters_have_to_agree() -> None:
    findings = finding("Pod", "a", "shop", severity="critical"), finding("Pod", "b", "data", severity="critical")
    assert shown(Filter(severity="critical", namespaces=("data",)), *findings)[0] == ["b"]


def test_only_some_checks() -> None:
    checks = [check("pod-pending"), check("pod-crash"), check("node-not-ready")]
    assert chosen(checks, ()) == tuple(checks)
    assert [item.id for item in chosen(checks, ("pod-*",))] == ["pod-pending", "pod-crash"]
    assert [item.id for item in chosen(checks, ("node-not-ready", "pod-p*"))] == ["pod-pending", "node-not-ready"]
    assert chosen(checks, ("mine",), [Problem("mine", "mine.yaml: broken")]) == ()


def test_a_pattern_that_matches_nothing_is_no_health() -> None:
    with pytest.raises(UsageError, match=r"--only pod-pendin: no check .*did you mean 'pod-pending'"):
        chosen([check("pod-pending")], ("pod-pendin",))
    with pytest.raises(UsageError, match="--namespace shpo: the cluster has no such namespace; did you mean 'shop'"):
        verify(Filter(namespaces=("data", "shpo")), CLUSTER, "team")
    with pytest.raises(UsageError, match="--team chekout: nothing has the label team=chekout; did you mean 'checkout'"):
        verify(Filter(teams=("storefront", "chekout")), CLUSTER, "team")
    verify(Filter(namespaces=("d*",), teams=("check*",)), CLUSTER, "team")


def test_what_may_not_be_seen_is_not_judged() -> None:
    verify(Filter(namespaces=("shop",), teams=("x",)), snapshot(pod("a")), "team")


def test_many_names_are_not_listed() -> None:
    cluster = snapshot(*(Namespace(metadata=meta(f"namespace-{number}")) for number in range(40)))
    with pytest.raises(UsageError, match=r"no such namespace$"):
        verify(Filter(namespaces=("zzz",)), cluster, "team")
