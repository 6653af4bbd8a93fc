"""The alert and recording rules: promtool judges and runs them, every alert fires when it should and else does not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubops import content
from hubops.stack import render
from hubops.stack.load import load
from hubops.stack.render import Rendered
from tests.checks.test_checks import CHECKS
from tests.stack.rendered import SITES, site
from tests.testbed import build
from tests.testbed.bed import Testbed
from tests.testbed.process import poll

HERE = Path(__file__).parent / "rules"
Rule = dict[str, Any]

#: The owner's alerts: their severity, and what must stand in the expression.
OWNERS = {
    "PodCrashLooping": ("critical", "CrashLoopBackOff"),
    "ErrorRateHigh": ("critical", "> 0.05"),
    "IngressErrorRateHigh": ("critical", "> 0.05"),
    "CertificateExpiresSoon": ("critical", "< 7 * 86400"),
    "ConnectionPoolExhausted": ("critical", "connections_pending"),
    "PostgresConnectionsExhausted": ("critical", "> 0.9"),
    "NodeMemoryHigh": ("warning", "> 0.9"),
    "ContainerMemoryHigh": ("warning", "> 0.9"),
    "NodeCPUHigh": ("warning", "> 0.8"),
    "VolumeNearlyFull": ("warning", "> 0.85"),
    "KafkaConsumerLagGrowing": ("warning", "deriv("),
}
#: Alerts of kube-prometheus-stack that say what a rule here says, and are switched off.
REPLACED = {
    "KubePodCrashLooping": "PodCrashLooping",
    "KubeHpaMaxedOut": "HpaAtMaximum",
    "KubePersistentVolumeFillingUp": "VolumeNearlyFull",
    "KubePersistentVolumeInodesFillingUp": "VolumeNearlyFull",
    "NodeCPUHighUsage": "NodeCPUHigh",
    "NodeMemoryHighUtilization": "NodeMemoryHigh",
}


@cache
def monitoring(site_name: str) -> Rendered:
    folder = content.folder("deploy")
    return render.render(load(folder / "stack.yaml"), folder, site(site_name), "monitoring")


@cache
def groups(site_name: str) -> dict[str, list[Rule]]:
    """The groups of rules by the name of their file."""
    files = (file for file in monitoring(site_name).manifests if "/rules/" in file.path)
    return {Path(file.path).name: document["spec"]["groups"] for file in files for document in file.documents()}


def rules(kind: str, site_name: str = "aws") -> list[Rule]:
    """The rules of *kind*: alert or record."""
    every = (rule for found in groups(site_name).values() for group in found for rule in group["rules"])
    return [rule for rule in every if kind in rule]


ALERTS = rules("alert")
RECORDS = rules("record")
CASES = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("*.yaml"))}


def write(site_name: str, folder: Path) -> list[Path]:
    """The rules as files that promtool reads."""
    for name, found in groups(site_name).items():
        (folder / name).write_text(yaml.safe_dump({"groups": found}), encoding="utf-8")
    return sorted(folder / name for name in groups(site_name))


@pytest.fixture(scope="module")
def promtool() -> str:
    return str(build.debian_programs(print, ["promtool"])["promtool"])


def run(*words: str | Path, cwd: Path) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("site_name", SITES)
def test_promtool_has_no_complaint(site_name: str, promtool: str, tmp_path: Path) -> None:
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *write(site_name, tmp_path), cwd=tmp_path)


@pytest.mark.parametrize("name", CASES)
def test_alerts_fire_and_stay_quiet_and_records_have_their_values(name: str, promtool: str, tmp_path: Path) -> None:
    write("aws", tmp_path)
    case = tmp_path / f"case-{name}"
    # Without an order promtool evaluates groups in any, and an alert may see what was recorded a step before.
    order = [group["name"] for file in CASES[name]["rule_files"] for group in groups("aws")[file]]
    ordered = yaml.safe_dump({"group_eval_order": order})
    case.write_text(ordered + (HERE / name).read_text(encoding="utf-8"), encoding="utf-8")
    run(promtool, "test", "rules", case, cwd=tmp_path)


def judged() -> Iterator[tuple[str, bool, set[str]]]:
    """Each alert in each case: its name, whether it fires there at any time, and the metrics that it sees."""
    for case in CASES.values():
        for test in case["tests"]:
            seen = {each["series"].partition("{")[0] for each in test["input_series"]}
            asked = test.get("alert_rule_test", ())
            firing = {each["alertname"] for each in asked if each["exp_alerts"]}
            yield from ((name, name in firing, seen) for name in {each["alertname"] for each in asked})


@pytest.mark.parametrize("name", sorted({rule["alert"] for rule in ALERTS}))
def test_every_alert_has_a_case_that_fires_and_one_that_nearly_does(name: str) -> None:
    metrics = {word for rule in ALERTS if rule["alert"] == name for word in metrics_of(rule["expr"])}
    cases = [(fires, seen) for alert, fires, seen in judged() if alert == name]
    assert any(fires for fires, _ in cases)
    near = [seen for fires, seen in cases if not fires]
    assert near
    for seen in near:
        assert metrics & seen, f"a quiet case of {name} has none of its series"


def metrics_of(expression: str) -> set[str]:
    """The words of *expression*, its metrics among them, with those behind the names that are recorded."""
    found = set(re.findall(r"[a-z_]\w*(?::[\w:]+)?", expression))
    behind = {rule["record"]: rule["expr"] for rule in RECORDS}
    return found | {each for name in found & behind.keys() for each in metrics_of(behind[name])}


def test_every_case_is_about_an_alert_that_there_is() -> None:
    assert {alert for alert, _, _ in judged()} == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("name", sorted(rule["record"] for rule in RECORDS))
def test_every_record_has_a_value(name: str) -> None:
    tests = [test for case in CASES.values() for test in case["tests"]]
    samples = [s for test in tests for each in test.get("promql_expr_test", ()) for s in each["exp_samples"]]
    assert any(sample["labels"].startswith(name + "{") for sample in samples)


def test_each_record_is_made_once_and_used_names_are_made() -> None:
    names = [rule["record"] for rule in RECORDS]
    assert len(names) == len(set(names))
    used = {word for rule in (*ALERTS, *RECORDS) for word in re.findall(r"\b[a-z_]+:[\w:]+", rule["expr"])}
    assert used - set(names) == {"namespace_workload_pod:kube_pod_owner:relabel"}, "kube-prometheus-stack records that"


@pytest.mark.parametrize("site_name", SITES)
def test_every_alert_says_what_to_do_and_whose_it_is(site_name: str) -> None:
    runbooks = content.runbooks()
    base = site(site_name).runbooks_url
    for rule in rules("alert", site_name):
        labels, notes = rule["labels"], rule["annotations"]
        assert labels["severity"] in ("critical", "warning"), rule
        platforms = labels["team"] == site(site_name).alerting.default_team
        assert platforms or "namespace:team:info{namespace=%q}" in labels["team"], rule
        assert "for" in rule, rule
        assert notes.keys() == {"summary", "description", "runbook_url", "hubops"}, rule
        named = notes["runbook_url"].removeprefix(base).removesuffix(".md")
        assert named in runbooks, rule
        _, verb, *words = notes["hubops"].split()
        assert words[0] == named if verb == "runbook" else words and set(words) <= CHECKS.keys(), rule


def test_every_alert_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "platform.md").read_text(encoding="utf-8")
    section = text.partition("\n## Alerts\n")[2].partition("\n## ")[0]
    for severity, column in (("critical", 2), ("warning", 3)):
        cells = " ".join(line.split("|")[column] for line in section.splitlines() if line.startswith("| "))
        named = {word for word in re.findall(r"\b[A-Z]\w+\b", cells) if word not in ("Critical", "Warning")}
        assert named == {rule["alert"] for rule in ALERTS if rule["labels"]["severity"] == severity}


def test_the_owners_thresholds_stand() -> None:
    found = {rule["alert"]: rule for rule in ALERTS}
    for name, (severity, expression) in OWNERS.items():
        assert found[name]["labels"]["severity"] == severity
        assert expression in found[name]["expr"]


def test_a_runbook_without_a_check_is_that_of_an_alert_or_another_leads_there() -> None:
    named = {Path(rule["annotations"]["runbook_url"]).stem for rule in ALERTS}
    texts = content.runbooks()
    led = {
        found for own, text in texts.items() for found in re.findall(r"hubops runbook ([a-z-]+)", text) if found != own
    }
    assert texts.keys() - CHECKS.keys() - {"ignore-expired"} <= named | led


@pytest.mark.parametrize("site_name", SITES)
def test_one_alert_speaks_about_one_thing(site_name: str) -> None:
    disabled = monitoring(site_name).chart_values()["defaultRules"]["disabled"]
    assert disabled == dict.fromkeys(REPLACED, True)
    assert set(REPLACED.values()) <= {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("site_name", SITES)
def test_what_the_rules_ask_of_kube_state_metrics_is_shown(site_name: str) -> None:
    values = monitoring(site_name).chart_values()["kube-state-metrics"]
    assert f"namespaces=[{site(site_name).team_label}]" in values["metricLabelsAllowlist"]
    assert "persistentvolumeclaims=[hubops.io/ignore]" in values["metricAnnotationsAllowList"]
    kinds = {
        "horizontalpodautoscalers", "persistentvolumeclaims", "pods", "cronjobs", "namespaces", "replicasets", "jobs",
    }  # fmt: skip
    assert kinds <= set(values["collectors"])


def test_the_rules_on_a_healthy_platform(untouched: Testbed) -> None:
    """A real Prometheus takes and evaluates every rule; no alert is even pending but those about what is not there."""
    every = [rule for found in groups("aws").values() for group in found for rule in group["rules"]]
    stack = untouched.stack
    stack.rules("platform", every)
    try:
        poll(lambda: _evaluated(untouched), "every rule of the platform evaluated")
        found = [rule for group in stack.rule_groups() if group["name"] == "platform" for rule in group["rules"]]
        assert [rule for rule in found if rule["health"] != "ok"] == []
        active = {alert["labels"]["alertname"] for rule in found for alert in rule.get("alerts", ())}
        assert active == {"ComponentMetricsMissing", "BackupScheduleMissing"}, active
        teams = {each["metric"]["namespace"]: each["metric"]["team"] for each in stack.query("namespace:team:info")}
        assert teams["shop"]
    finally:
        stack.rules("platform", None)


def _evaluated(testbed: Testbed) -> bool:
    found = [rule for group in testbed.stack.rule_groups() if group["name"] == "platform" for rule in group["rules"]]
    return bool(found) and all(rule["health"] != "unknown" for rule in found)
