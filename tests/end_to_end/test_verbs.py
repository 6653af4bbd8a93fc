"""Every verb on every check: it ends well, says something, and fits a terminal."""

from __future__ import annotations

import json

import pytest
from rich.cells import cell_len

from hubops.cli import VERBS
from hubops.engine import catalog
from hubops.report.schema import report_schema
from tests.end_to_end.program import Program

CHECKS = [check.id for check in catalog.load().checks]
#: Those that a query decides; it is shown as it is, however long its lines are.
QUERIES = [check.id for check in catalog.load().checks if check.promql or check.logql]


def test_explain(offline: Program) -> None:
    for name in CHECKS:
        done = offline.here("explain", name)
        assert (done.code, done.err) == (0, ""), name
        assert done.out.startswith(f"{name}: "), name
        for word in ("severity ", "It fires for", "Thresholds (", "needs ", "uses "):
            assert f"\n{word}" in done.out, name
        assert name in QUERIES or max(map(cell_len, done.out.splitlines())) <= 80, name


def test_runbook(offline: Program) -> None:
    for name in CHECKS:
        done = offline.here("runbook", name)
        assert (done.code, done.err) == (0, ""), name
        for heading in ("MEANING", "IMPACT", "DIAGNOSIS", "MITIGATION", "VERIFY", "ROLL BACK"):
            assert f"\n{heading}\n" in done.out, name


def test_runbook_for_an_object(offline: Program) -> None:
    done = offline("runbook", "pod-crash-looping", "--for", "deployments/shop/cart", "--set", "pod=cart-1")
    assert done.code == 0
    assert "kubectl -n shop logs cart-1 -c <container> --previous" in done.out
    assert "rollout undo Deployment/cart" in done.out
    wrong = {
        ("pod-crash-loop",): "there is no runbook 'pod-crash-loop'; did you mean 'pod-crash-looping'?",
        ("pod-pending", "--for", "shop/cart"): "'shop' is no kind",
        ("pod-pending", "--for", "a/b/c/d"): "write kind/namespace/name",
        ("pod-pending", "--set", "pod"): "write name=value",
    }
    for words, said in wrong.items():
        done = offline("runbook", *words)
        assert done.code == 64, words
        done.only_says(said)


def test_check_alone_reads_what_it_needs(hubops: Program) -> None:
    runs = [hubops.here("check", name, "--output", "json") for name in CHECKS]
    for name, done in zip(CHECKS, runs, strict=True):
        assert (done.code, [check["id"] for check in done.report["checks"]]) == (0, [name]), name
        assert done.ids("passed") | done.ids("skipped") == {name}
    sources = {
        name: {source["name"] for source in done.report["sources"]} for name, done in zip(CHECKS, runs, strict=True)
    }
    assert sources["node-not-ready"] == {"kubernetes"}
    assert sources["pv-fills-soon"] == {"kubernetes", "prometheus"}
    assert sources["pod-crash-looping"] == {"kubernetes", "loki"}


def test_list_schema_and_version(offline: Program) -> None:
    listed = offline("list")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()[1:]] == CHECKS
    schema = offline("schema", "report")
    assert json.loads(schema.out) == report_schema()
    assert offline("--version").out.startswith("hubops, version ")


def test_demo(offline: Program) -> None:
    done = offline.json("demo")
    assert (done.code, done.report["verdict"]) == (2, "critical")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(offline: Program, flag: str) -> None:
    for words in [(), *((verb,) for verb in VERBS), ("snapshot", "save")]:
        done = offline.here(*words, flag)
        assert (done.code, done.err) == (0, ""), words
        assert done.out.startswith("Usage: hubops"), words
        assert [line for line in done.out.splitlines() if cell_len(line) > 80] == [], words


def test_verbs_that_are_none(offline: Program) -> None:
    assert offline("frobnicate").code == 64
    assert offline().code == 64
    done = offline("daily", "extra")
    assert done.code == 64
    done.only_says("unexpected extra argument")
