"""hubops daily on a real kubelet: every fault once, on the right object, with its cause; and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testbed.node import trial
from tests.testbed.node.bed import NodeTestbed
from tests.testbed.node.faults import FAULTS, FINE, start
from tests.testbed.node.faults.base import Trial, pods
from tests.testbed.node.trial import Verdict
from tests.testbed.process import poll

Round = tuple[dict[str, Verdict], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def daily(node_testbed: NodeTestbed) -> Round:
    """What hubops says of each trial, and what it says beside them."""
    failed = start(node_testbed, [*FAULTS, *FINE])
    assert not failed, failed
    verdicts, rest = trial.judge(trial.run(node_testbed, FAULTS), [*FAULTS, *FINE])
    return {verdict.trial.name: verdict for verdict in verdicts}, rest


@pytest.mark.parametrize("each", FAULTS, ids=lambda each: each.name)
def test_a_fault_is_found_once_with_its_cause(each: Trial, daily: Round) -> None:
    verdict = daily[0][each.name]
    assert verdict.found, verdict.line()
    assert verdict.cause, verdict.found
    assert not verdict.others, verdict.line()


@pytest.mark.parametrize("each", FINE, ids=lambda each: each.name)
def test_what_is_healthy_is_left_alone(each: Trial, daily: Round) -> None:
    assert not daily[0][each.name].others, daily[0][each.name].line()


def test_nothing_is_found_beside_the_faults(daily: Round) -> None:
    assert daily[1] == []


@pytest.mark.usefixtures("daily")
def test_a_stopped_kubelet_is_one_finding_more(node_testbed: NodeTestbed) -> None:
    """Everything on the node stops being ready; that is the node's finding, not that of forty workloads."""
    before = {_key(f) for f in trial.run(node_testbed, FAULTS)["findings"]}
    node_testbed.stop_kubelet()
    try:
        poll(lambda: not node_testbed.ready(), "the node noticed as lost")
        poll(lambda: _unready(node_testbed), "its pods marked")
        found = trial.run(node_testbed, FAULTS)["findings"]
    finally:
        node_testbed.start_kubelet()
        poll(node_testbed.ready, "the node ready again")
    lost = [f for f in found if f["check"] == "node-not-ready"]
    assert [f["ref"]["name"] for f in lost] == [node_testbed.node]
    assert "Kubelet stopped posting node status" in str(lost[0])
    assert {_key(f) for f in found} - before == {_key(lost[0])}


def _key(finding: dict[str, Any]) -> tuple[str, str, str, str]:
    ref = finding["ref"]
    return finding["check"], ref["kind"], ref.get("namespace") or "", ref["name"]


def _unready(bed: NodeTestbed) -> bool:
    conditions = [c for pod in pods(bed, "fine-sidecar") for c in pod["status"]["conditions"]]
    return any(c["type"] == "Ready" and c["status"] == "False" for c in conditions)


@pytest.mark.usefixtures("daily")
def test_a_full_disk_is_the_finding_of_its_node(node_testbed: NodeTestbed) -> None:
    """The kubelet evicts what it finds and lets nothing new in; all of that is explained by its node."""
    free = int(node_testbed.machine.run("df", "-k", "--output=avail", "/var").split()[-1])
    node_testbed.machine.run("fallocate", "-l", f"{free * 97 // 100}K", "/var/lib/full")
    try:
        poll(lambda: node_testbed.condition("DiskPressure") == "True", "disk pressure")
        poll(lambda: _refused(node_testbed), "an evicted pod's successor refused")
        found = trial.run(node_testbed, FAULTS)["findings"]
    finally:
        node_testbed.machine.run("rm", "/var/lib/full")
    pressed = [f for f in found if f["check"] == "node-pressure"]
    assert [f["ref"]["name"] for f in pressed] == [node_testbed.node]
    assert "pod-pending" in {s["check"] for s in pressed[0]["symptoms"]}
    # pending-taint is kept away by the taint that it was to be kept away by, too.
    alone = [f["ref"]["namespace"] for f in found if f["check"] == "pod-pending" and "disk" in f["summary"]]
    assert set(alone) <= {"pending-taint"}


def _refused(bed: NodeTestbed) -> bool:
    conditions = [c for each in FAULTS for pod in pods(bed, each.name) for c in pod["status"].get("conditions", [])]
    refused = [c for c in conditions if c["type"] == "PodScheduled" and "taint" in c.get("message", "")]
    return len(refused) >= 3
