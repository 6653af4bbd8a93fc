"""A part of the round on request: what is shown, what is read, and that it is never mistaken for the whole."""

from __future__ import annotations

import json

from tests.end_to_end.program import Program, together
from tests.testbed.bed import Testbed
from tests.testbed.faults import matching
from tests.testbed.faults.injected import injected

HIDDEN = {"critical": 0, "warning": 0, "info": 0, "unknown": 0}


def test_what_is_not_shown_is_counted(hubops: Program, testbed: Testbed) -> None:
    (fault,) = matching("pod-crash-looping")
    namespace = fault.expect.namespace
    assert namespace is not None
    with injected(testbed, fault):
        whole, inside, outside, critical = together(
            lambda flags: hubops.json("check", "pod-crash-looping", *flags),
            [(), ("--namespace", namespace), ("--namespace", "kube-*"), ("--severity", "critical")],
        )
        plain = hubops("check", "pod-crash-looping", "-n", "kube-*", "--output", "plain")
    (found,) = whole.report["findings"]
    assert whole.report["filter"] is None
    assert (inside.code, inside.report["findings"][0]["fingerprint"]) == (whole.code, found["fingerprint"])
    assert inside.report["filter"]["namespaces"] == [namespace]
    assert inside.report["filter"]["hidden"] == HIDDEN
    assert (outside.code, outside.report["findings"], outside.report["verdict"]) == (0, [], "ok")
    assert outside.report["filter"]["hidden"] == HIDDEN | {found["severity"]: 1}
    assert f"no findings; filtered to namespace kube-*: 1 {found['severity']} not shown" in plain.out
    assert (critical.code, len(critical.report["findings"])) == ((2, 1) if found["severity"] == "critical" else (0, 0))


def test_checks_that_are_not_run_read_nothing(hubops: Program) -> None:
    nodes, pods = together(lambda ids: hubops.json("daily", "--only", ids), ["node-*", "pod-crash-looping"])
    assert all(check["id"].startswith("node-") for check in nodes.report["checks"])
    assert [check["id"] for check in pods.report["checks"]] == ["pod-crash-looping"]
    assert [source["name"] for source in pods.report["sources"]] == ["kubernetes", "loki"]
    assert pods.report["filter"]["only"] == ["pod-crash-looping"]


def test_a_filter_that_can_match_nothing_is_wrong_usage(offline: Program) -> None:
    wrong = {
        ("--only", "pod-crash-lopping"): "no check of this round has such an id; did you mean 'pod-crash-looping'?",
        ("--only", ""): "--only is empty; is a variable not set?",
        ("--namespace", ""): "--namespace is empty",
        ("--namespace", "shpo"): "the cluster has no such namespace",
        ("--team", "no-such-team"): "nothing has the label team=no-such-team",
        ("--severity", "high"): "'high' is not one of",
    }
    for flags, said in wrong.items():
        done = offline("demo", *flags)
        assert done.code == 64, flags
        done.only_says(said)


def test_the_demo(offline: Program) -> None:
    done = offline("demo", "--namespace", "shop", "--severity", "critical", "--output", "json", "--fail-on", "never")
    report = json.loads(done.out)
    assert done.code == 0
    assert {finding["severity"] for finding in report["findings"]} == {"critical"}
    assert {finding["ref"]["namespace"] for finding in report["findings"]} <= {"shop", None}
    assert sum(report["filter"]["hidden"].values()) > 0
