"""From the evidence of checks to RBAC, and what is to be added for what is missing."""

from __future__ import annotations

import yaml

from hubops.config import CheckSettings, Config
from hubops.engine.rights import dependents, rights, rules
from hubops.model.diagnosis import Dependents, Right
from tests.engine.make import check

CHECKS = (
    check("cel", cel="true", kind="Deployment"),
    check("custom", cel="true", kind="certificates.cert-manager.io/v1"),
    check("query", promql="up == 0", examines=None),
    check("logs", logql="sum(rate({a='b'}[5m]))"),
    check("alerts", probe="watchdog_missing", with_={"alert": "Watchdog"}),
    check("crash", probe="crash_looping", with_={"restarts": 3, "within": "1h"}),
)


def of(verb: str, resource: str, group: str = "") -> Right:
    return Right(verb=verb, resource=resource, group=group)


def test_checks_by_what_they_use() -> None:
    used = dependents(CHECKS, Config())
    assert used["raw:deployments.apps"] == Dependents(unknown=("cel",))
    assert used["certificates.cert-manager.io"] == Dependents(unknown=("custom",))
    assert used["prometheus"].unknown == ("query",)
    assert used["loki"].unknown == ("logs",)
    assert used["alertmanager"].unknown == ("alerts",)
    assert used["pods"].unknown == ("crash",)
    assert used["container-logs"] == Dependents(less=("crash",))
    assert "crash" in used["replicasets"].less
    assert set(used["namespaces"].less) == {item.id for item in CHECKS}


def test_a_disabled_check_needs_nothing() -> None:
    off = Config(checks={"logs": CheckSettings(enabled=False)})
    assert "loki" not in dependents(CHECKS, off)


def test_rights_to_read_and_to_reach() -> None:
    used = dependents(CHECKS, Config())
    ways = {"prometheus": ("monitoring", "prometheus:web"), "loki": None}
    wanted = rights(used, ways)
    assert wanted[of("list", "deployments", "apps")].unknown == ("cel",)
    assert wanted[of("list", "certificates", "cert-manager.io")].unknown == ("custom",)
    assert wanted[of("list", "pods")].unknown == ("crash",)
    assert wanted[of("get", "pods/log")] == Dependents(less=("crash",))
    prometheus = Right(verb="get", resource="services/proxy", namespace="monitoring", name="prometheus:web")
    assert wanted[prometheus].unknown == ("query",)
    assert wanted[of("get", "services/proxy")].unknown == ("logs",)
    assert wanted[of("list", "services")].unknown == ("logs", "query")
    assert {right.verb for right in wanted} == {"get", "list"}


def test_what_has_a_url_or_is_not_served_needs_no_right() -> None:
    wanted = rights(dependents(CHECKS, Config()), {}, {"certificates.cert-manager.io"})
    assert of("list", "services") not in wanted
    assert not any("proxy" in right.resource or right.group == "cert-manager.io" for right in wanted)


def test_rules_are_merged_and_grant_nothing_else() -> None:
    proxies = [
        Right(verb="get", resource="services/proxy", namespace=n, name=s) for n, s in (("m", "p:web"), ("l", "l:1"))
    ]
    lacking = [of("list", "pods"), of("list", "nodes"), of("list", "jobs", "batch"), of("get", "pods/log"), *proxies]
    granted = yaml.safe_load(rules(lacking))["rules"]
    assert granted == [
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["services/proxy"], "resourceNames": ["l:1", "p:web"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]},
    ]


def test_a_service_is_not_named_where_all_are_needed() -> None:
    every, one = of("get", "services/proxy"), Right(verb="get", resource="services/proxy", namespace="m", name="p:web")
    assert yaml.safe_load(rules([every, one]))["rules"] == [
        {"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["get"]}
    ]


def test_nothing_missing_is_no_rule() -> None:
    assert rules([]) == ""
