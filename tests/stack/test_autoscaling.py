"""Autoscalers do not work against each other: one makes the number of replicas, and none changes what it scales by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from hubops.config import Config
from hubops.engine import catalog
from hubops.engine.runner import run
from tests.checks.fixture import Fixture, snapshot
from tests.stack.rendered import SITES, STACKS, component, rendered, site

CHECKS = [check for check in catalog.load().of_round("daily") if check.id in ("hpa-conflict", "vpa-conflict")]
TRIGGERS = {"cpu", "memory"}


def of(at: str, kind: str) -> list[dict[str, Any]]:
    return [each for each in component(at, "autoscaling").objects() if each["kind"] == kind]


def made_by_keda(scaled: dict[str, Any]) -> dict[str, Any]:
    """The HorizontalPodAutoscaler that KEDA makes of the ScaledObject *scaled*."""
    spec, name = scaled["spec"], scaled["metadata"]["name"]
    metrics: list[dict[str, Any]] = []
    for trigger in spec["triggers"]:
        if trigger["type"] in TRIGGERS:
            target = {"type": trigger["metricType"], "averageUtilization": int(trigger["metadata"]["value"])}
            metrics.append({"type": "Resource", "resource": {"name": trigger["type"], "target": target}})
        else:
            target = {"type": "AverageValue", "averageValue": "1"}
            metrics.append({"type": "External", "external": {"metric": {"name": trigger["type"]}, "target": target}})
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {**scaled["metadata"], "name": f"keda-hpa-{name}"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", **spec["scaleTargetRef"]},
            "minReplicas": spec["minReplicaCount"],
            "maxReplicas": spec["maxReplicaCount"],
            "metrics": metrics,
        },
    }


def found(scalers: list[dict[str, Any]], vpas: list[dict[str, Any]]) -> Iterator[str]:
    """What hubops' own checks of autoscalers say of these."""
    fixture = Fixture(taken_at=datetime(2026, 3, 2, tzinfo=UTC), objects=tuple(scalers), custom=tuple(vpas))
    outcome = run(snapshot(fixture, CHECKS), CHECKS, Config())
    assert {result.id: result.status for result in outcome.results}.keys() == {"hpa-conflict", "vpa-conflict"}
    assert not [result for result in outcome.results if result.status in ("unknown", "skipped")]
    yield from (finding.summary for finding in outcome.findings)


@pytest.mark.parametrize("at", SITES)
def test_hubops_finds_no_conflict(at: str) -> None:
    scalers = of(at, "HorizontalPodAutoscaler") + [made_by_keda(each) for each in of(at, "ScaledObject")]
    assert len(scalers) == 5
    assert [*found(scalers, of(at, "VerticalPodAutoscaler"))] == []


def test_hubops_would_find_one() -> None:
    scalers = [made_by_keda(each) for each in of("aws", "ScaledObject")]
    vpas = [each for each in of("aws", "VerticalPodAutoscaler") if each["metadata"]["name"] == "llm-analytics-api"]
    vpas = [{**each, "spec": {**each["spec"], "updatePolicy": {"updateMode": "Recreate"}}} for each in vpas]
    again = [{**each, "metadata": {**each["metadata"], "name": "again"}} for each in scalers]
    said = "\n".join(found(scalers + again, vpas))
    assert "changes the cpu and memory request" in said
    assert "is scaled by 2 HorizontalPodAutoscalers at once" in said


@pytest.mark.parametrize("at", SITES)
def test_one_scaler_for_each_workload(at: str) -> None:
    """A ScaledObject makes a HorizontalPodAutoscaler of its own."""
    targets = Counter(
        (each["metadata"]["namespace"], each["spec"]["scaleTargetRef"]["kind"], each["spec"]["scaleTargetRef"]["name"])
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for each in of(at, kind)
    )
    assert set(targets.values()) == {1}
    assert {name for _, _, name in targets} == {
        f"llm-analytics-{name}" for name in ("api", "frontend", "ingestion", "worker", "reports")
    }


@pytest.mark.parametrize("at", SITES)
def test_triggers_are_what_they_must_be(at: str) -> None:
    """What neither the API server nor KEDA's schema knows: KEDA refuses these when it starts to scale."""
    authentications = {each["metadata"]["name"] for each in of(at, "TriggerAuthentication")}
    for scaled in of(at, "ScaledObject"):
        spec = scaled["spec"]
        assert spec["minReplicaCount"] <= spec["maxReplicaCount"]
        assert spec.get("fallback", {"replicas": 1})["replicas"] <= spec["maxReplicaCount"]
        if "fallback" in spec:
            # Of CPU and memory KEDA knows no failure, and would set the fallback against what they ask for.
            assert not TRIGGERS & {trigger["type"] for trigger in spec["triggers"]}
        for trigger in spec["triggers"]:
            assert all(isinstance(value, str) for value in trigger["metadata"].values()), trigger
            assert trigger.get("authenticationRef", {}).get("name") in authentications | {None}
            if trigger["type"] == "kafka":
                both = ("allowIdleConsumers", "limitToPartitionsWithLag")
                assert [trigger["metadata"][key] for key in both].count("true") < 2
            if trigger["type"] == "cron":
                assert trigger["metadata"]["timezone"] == site(at).time_zone


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(("at", "ours"), [("aws", True), ("gcp", False), ("azure", False), ("none", True)])
def test_no_second_metrics_server_beside_the_clouds_own(at: str, ours: bool, stack: str) -> None:
    """Helm refuses to take over what GKE and AKS run in kube-system; what needs the API is installed all the same."""
    wanted = rendered(at, stack)
    assert ("metrics-server" in wanted) == ours
    assert {"vpa", "autoscaling"} <= set(wanted)
