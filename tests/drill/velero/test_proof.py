"""How a drill is judged: never a proof of more than came back, ran and was asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hubops.config.backup import DrillCheck, VeleroBackupConfig, VeleroDrillConfig
from hubops.drill.velero.choice import Chosen
from hubops.drill.velero.compare import Comparison
from hubops.drill.velero.modifiers import Modifiers
from hubops.drill.velero.objects import Key
from hubops.drill.velero.proof import Came, judged, run_of
from hubops.drill.velero.restore import Restored
from hubops.drill.velero.waiting import Awaited
from hubops.model.backup import CheckResult, Difference
from hubops.model.kube.meta import ObjectMeta
from hubops.model.velero import Backup, BackupStatus, Restore

_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
_SETTINGS = VeleroDrillConfig()
_CHECK = CheckResult(name="shop answers", passed=False, said="503", took_s=1)


def came(**more: Any) -> Came:
    """A drill that succeeded, but for *more*."""
    status = BackupStatus(phase="Completed", start_timestamp=_AT - timedelta(hours=1))
    backup = Backup(metadata=ObjectMeta(name="daily-1", uid="u"), status=status)
    chosen = Chosen(backup, {"apps/v1/Deployment": ("shop/web",)}, ("shop",), _AT - timedelta(hours=1))
    key = Key("deployments.apps", "shop", "web")
    found = Came(
        chosen=chosen, age=timedelta(hours=1), original={key: {"kind": "Deployment"}}, network="Cilium",
        modifiers=Modifiers((), {}, {}), restored=Restored(Restore(), 30, 5, (), ()), awaited=Awaited(1, {}, 12),
        comparison=Comparison(compared=Counter(Deployment=1)), steps={"restore": 31.0},
    )  # fmt: skip
    return replace(found, **more)


def restored(**more: Any) -> Restored:
    return replace(Restored(Restore(), 30, 5, (), ()), **more)


def test_a_drill_without_a_doubt_is_a_proof() -> None:
    assert judged(came(), _SETTINGS, [], []) == ("succeeded", None)
    run = run_of(came(), _AT, VeleroBackupConfig(), _SETTINGS, "succeeded", None)
    assert run.proof
    assert (run.proof.copy, run.proof.rpo_s, run.proof.rto_s) == ("daily-1", 3600, 42)
    assert run.proof.compared == {"objects": 1, "namespaces": 1, "Deployment": 1}
    assert run.proof.proven == (
        "1 object came back as backed up",
        "1 workload became ready, closed off from everything else",
    )
    assert run.proof.unproven == ("what is in no namespace: a drill writes nothing of it",)


_DIFFERS = Comparison(
    compared=Counter(Deployment=1), differences=[Difference(what="Deployment shop/web", how="is missing")]
)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"restored": None}, "nothing was restored"),
        ({"comparison": None}, "nothing was restored"),
        ({"comparison": Comparison()}, "nothing of the backup is what a drill restores"),
        (
            {"comparison": _DIFFERS},
            "1 difference between the backup and what was restored of it; Deployment shop/web is missing",
        ),
        ({"checks": [_CHECK]}, "1 of 1 checks did not pass: shop answers (503)"),
    ],
)  # fmt: skip
def test_what_did_not_come_back_or_does_not_answer_is_a_failure(more: dict[str, Any], words: str) -> None:
    outcome, reason = judged(came(**more), _SETTINGS, [], [])
    assert (outcome, reason) == ("failed", words)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"restored": restored(failed=("the restore is PartiallyFailed", "no"))}, "the restore is PartiallyFailed; no"),
        ({"restored": restored(warnings=("Secret db already exists",))}, "Velero warned: Secret db already exists"),
        (
            {"awaited": Awaited(0, {"Deployment shop/web": "no node"}, 9)},
            "1 workload did not become ready: Deployment",
        ),
        ({"unread": ("widgets.example.com",)}, "what was added of widgets.example.com is not known"),
    ],
)
def test_a_doubt_keeps_it_from_being_a_proof(more: dict[str, Any], words: str) -> None:
    outcome, reason = judged(came(**more), _SETTINGS, [], [])
    assert outcome == "partial"
    assert words in str(reason)


def test_what_is_left_ended_it_or_was_not_tried_is_told() -> None:
    assert judged(came(), _SETTINGS, [], ["drill-1 is not removed"]) == (
        "partial",
        "restored, but drill-1 is not removed",
    )
    assert judged(came(), _SETTINGS, ["it was interrupted"], ["x is left"]) == (
        "failed",
        "it was interrupted; x is left",
    )
    resting = VeleroDrillConfig(workloads=False, checks=(DrillCheck(name="a", namespace="shop", tcp="web:80"),))
    outcome, reason = judged(came(awaited=None), resting, [], [])
    assert outcome == "partial"
    assert "were not tried, since drill.velero.workloads is false" in str(reason)


def test_what_nobody_tried_is_not_proven() -> None:
    key = Key("daemonsets.apps", "shop", "agent")
    alone = came(
        awaited=Awaited(0, {}, 0), network=None, original={key: {"kind": "DaemonSet", "metadata": {}}},
        modifiers=Modifiers((), {"CronJobs and Jobs suspended": 2}, {key: "its pods would run on every node"}),
        comparison=Comparison(compared=Counter(DaemonSet=1), not_compared=Counter({"ingresses: no": 3})),
    )  # fmt: skip
    proof = run_of(alone, _AT, VeleroBackupConfig(), _SETTINGS, "succeeded", None).proof
    assert proof
    assert proof.unproven == (
        "3 objects not compared: ingresses: no",
        "what was changed on purpose, so that nothing acts outside: CronJobs and Jobs suspended (2)",
        "that anything runs: the backup has no workload that could",
        "that these run: DaemonSet shop/agent (its pods would run on every node)",
        "that what ran reached nothing outside: the cluster is not known to enforce NetworkPolicies",
        "what is in no namespace: a drill writes nothing of it",
    )
