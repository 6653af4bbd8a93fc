"""hubops.yaml, HUBOPS_* and flags: what is wrong is named by file and key; what is right does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.program import DAILY, Program, together
from tests.end_to_end.rights import blind
from tests.testbed.bed import Testbed
from tests.testbed.faults import FAULTS, Fault
from tests.testbed.faults.injected import injected

WRONG = {
    "promethius: {}": "unknown key 'promethius'; did you mean 'prometheus'?",
    "prometheus: {ulr: http://x}": "unknown key 'prometheus.ulr'; did you mean 'url'?",
    "deadline: soon": "deadline: 'soon' is not a duration",
    "deadline: [1]": "deadline: must be a duration",
    "kubernetes: {page_size: many}": "kubernetes.page_size: must be a whole number",
    "kubernetes: {concurrency: 0}": "kubernetes.concurrency: must be a whole number, 1 or more",
    "checks: {pod-pending: {severity: fatal}}": "checks.pod-pending.severity: 'fatal' is not one of critical",
    "ignores: [{check: pod-pending}]": "key 'ignores[0].reason' is missing",
    "ignores: [{check: pod-pending, reason: x, until: soon}]": "ignores[0].until: ",
    "cluster: [": "not YAML",
    "- cluster": "the top level must be a mapping of keys, not list",
    "\x00": "not YAML",
}


def test_files_that_cannot_be_used(offline: Program, healthy: Path, tmp_path: Path) -> None:
    paths = []
    for number, text in enumerate(WRONG):
        paths.append(tmp_path / f"{number}.yaml")
        paths[-1].write_text(text)
    runs = together(lambda path: offline("daily", "--snapshot", healthy, "--config", path), paths)
    for path, said, done in zip(paths, WRONG.values(), runs, strict=True):
        assert done.code == 64, said
        done.only_says(f"hubops: {path}: {said}")


SETTINGS = {
    "pod-pendingg: {enabled: false}": ("pod-pendingg", "there is no such check; did you mean 'pod-pending'?"),
    "pod-pending: {with: {graze: 5m}}": ("pod-pending", ".with.graze: probe pod_pending takes no such parameter"),
    "pod-pending: {with: {grace: lots}}": ("pod-pending", ".with.grace: 'lots' is not a duration"),
    "pod-pending: {namespaces: {shop: {graze: 5m}}}": ("pod-pending", ".namespaces.shop.graze: "),
    "target-down: {with: {fro: 5m}}": ("target-down", ".with.fro: the check has no such threshold"),
}


def test_settings_of_a_check_that_cannot_be_used_end_that_check_only(
    offline: Program, healthy: Path, tmp_path: Path
) -> None:
    paths = []
    for number, text in enumerate(SETTINGS):
        paths.append(tmp_path / f"{number}.yaml")
        paths[-1].write_text(f"checks: {{{text}}}")
    runs = together(lambda path: offline.json("daily", "--snapshot", healthy, "--config", path), paths)
    for path, (check, said), done in zip(paths, SETTINGS.values(), runs, strict=True):
        assert done.code == 64, said
        assert done.err.startswith(f"hubops: {path}: checks.{check}"), said
        assert said in done.err
        assert done.ids("unknown") == {check}
        assert done.well() == DAILY - {check}


def test_the_environment(offline: Program, healthy: Path) -> None:
    (offline.home / "hubops.yaml").write_text("cluster: prod\n")
    wrong = {
        "HUBOPS_NOPE": ("1", "environment variable HUBOPS_NOPE: unknown key 'nope'"),
        "HUBOPS_PROMETHEUS__ULR": ("x", "environment variable HUBOPS_PROMETHEUS__ULR: unknown key 'prometheus.ulr'"),
        "HUBOPS_DEADLINE": ("soon", "environment variable HUBOPS_DEADLINE: deadline: 'soon' is not a duration"),
        "HUBOPS_IGNORES": ("[", "environment variable HUBOPS_IGNORES: not YAML: line 1, column 2"),
        "HUBOPS_CLUSTER__NAME": ("x", "environment variable HUBOPS_CLUSTER__NAME: cluster is not a section"),
        "HUBOPS_CONFIG": ("/none", "/none: No such file or directory"),
    }
    runs = together(
        lambda name: offline("daily", "--snapshot", healthy, env={name: wrong[name][0]}),
        wrong,
    )
    for (_, said), done in zip(wrong.values(), runs, strict=True):
        assert done.code == 64, said
        done.only_says(said)
    (offline.home / "hubops.yaml").write_text("clustre: prod\n")
    done = offline("daily", "--snapshot", healthy, env={"HUBOPS_DEADLINE": "1m"})
    assert done.code == 64
    done.only_says("hubops.yaml: unknown key 'clustre'")


def test_flags_that_cannot_be_used(offline: Program, healthy: Path) -> None:
    flags = {
        ("--deadline", "soon"): "'soon' is not a duration",
        ("--fail-on", "info"): "'info' is not one of 'critical', 'warning', 'unknown', 'never'",
        ("--output", "jsn"): "unknown format 'jsn'; did you mean json?",
        ("--output", "report.json"): "to write that file: json=report.json",
        ("--output", "json", "--output", "rich"): "both go to standard output",
        ("--output", "json=/none/report"): "there is no folder /none",
        ("--config", "/none"): "/none: No such file or directory",
        ("--nope",): "No such option '--nope'",
    }
    runs = together(lambda given: offline("daily", "--snapshot", healthy, *given), flags)
    for said, done in zip(flags.values(), runs, strict=True):
        assert done.code == 64, said
        done.only_says(said)


def test_what_is_switched_off_is_skipped(hubops: Program, healthy: Path, tmp_path: Path) -> None:
    config = tmp_path / "off.yaml"
    config.write_text("prometheus: {enabled: false}\nchecks: {pod-pending: {enabled: false}}\n")
    done = hubops.json("daily", "--config", config)
    assert (done.code, done.report["verdict"]) == (0, "ok")
    others = {check for check in DAILY if check not in blind("prometheus")}
    assert done.ids("skipped") - others == blind("prometheus")
    assert "pod-pending" in done.ids("skipped")
    assert done.check("pod-pending")["reason"] == "disabled in hubops.yaml"
    assert "prometheus.enabled: false" in done.check("target-down")["reason"]
    assert {source["name"] for source in done.report["sources"]} == {"kubernetes", "alertmanager", "loki"}


def test_an_ignore_that_has_run_out_is_reported(offline: Program, healthy: Path, tmp_path: Path) -> None:
    config = tmp_path / "ignores.yaml"
    config.write_text("ignores: [{check: pod-pending, namespace: shop, reason: moving, until: 2026-01-31}]")
    done = offline.json("daily", "--snapshot", healthy, "--config", config)
    (finding,) = done.report["findings"]
    assert (done.code, finding["check"], finding["severity"]) == (0, "ignore-expired", "info")
    assert "ran out after 2026-01-31" in finding["summary"]


@pytest.fixture(scope="module")
def unready(testbed: Testbed) -> Fault:
    return FAULTS["pod-not-ready"]


def test_thresholds_and_ignores_that_work(hubops: Program, testbed: Testbed, unready: Fault, tmp_path: Path) -> None:
    """A pod that is not ready for 25 minutes, seen with other settings each time."""
    with injected(testbed, unready):
        saved = tmp_path / "unready.gz"
        assert hubops("snapshot", "save", saved).code == 0
        _settings(hubops, saved, tmp_path)
        _annotations(hubops, testbed, unready)


def _settings(hubops: Program, saved: Path, tmp_path: Path) -> None:
    cases = {
        "": ("warning", 0),
        "checks: {pod-not-ready: {severity: info}}": ("info", 0),
        "checks: {pod-not-ready: {with: {grace: 1h}}}": (None, 0),
        "checks: {pod-not-ready: {namespaces: {shop: {grace: 1h}}}}": (None, 0),
        "checks: {pod-not-ready: {namespaces: {data: {grace: 1h}}}}": ("warning", 0),
        "ignores: [{check: 'pod-*', namespace: shop, name: 'wish*', reason: known}]": (None, 1),
        "ignores: [{check: '*', kind: Deployment, reason: known, until: 2099-01-01}]": (None, 1),
        "ignores: [{check: pod-not-ready, namespace: data, reason: elsewhere}]": ("warning", 0),
    }
    paths = []
    for number, text in enumerate(cases):
        paths.append(tmp_path / f"settings-{number}.yaml")
        paths[-1].write_text(text)
    check = ("check", "pod-not-ready", "--snapshot", saved)
    runs = together(lambda path: hubops.json(*check, "--config", path), paths)
    for (text, (severity, ignored)), done in zip(cases.items(), runs, strict=True):
        assert [finding["severity"] for finding in done.report["findings"]] == ([severity] if severity else []), text
        assert len(done.report["ignored"]) == ignored, text
        assert done.code == (1 if severity == "warning" else 0), text
        if ignored:
            assert done.report["ignored"][0]["reason"] == "known"


def _annotations(hubops: Program, testbed: Testbed, fault: Fault) -> None:
    """On the object, on its owner, and on its namespace."""
    namespace, name = fault.expect.namespace or "", fault.expect.name
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace}}
    pods = [
        {"apiVersion": "v1", "kind": "Pod", **pod}
        for pod in testbed.api.list("Pod", namespace, labelSelector=f"app={name}")
    ]
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    for objects, where in (([deployment], f"Deployment {namespace}/{name}"), (pods, "Pod "), ([space], "Namespace ")):
        for obj in objects:
            testbed.api.patch(obj, {"metadata": {"annotations": {"hubops.io/ignore": "other, pod-not-ready"}}})
        try:
            done = hubops.json("check", "pod-not-ready")
        finally:
            for obj in objects:
                testbed.api.patch(obj, {"metadata": {"annotations": {"hubops.io/ignore": None}}})
        assert (done.code, done.report["findings"]) == (0, []), where
        assert done.report["ignored"], where
        assert all(item["reason"].startswith(f"annotation hubops.io/ignore on {where}")
                   for item in done.report["ignored"]), where  # fmt: skip
    assert hubops("check", "pod-not-ready").code == 1
