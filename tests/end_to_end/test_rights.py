"""ServiceAccounts that may not read all of it: what cannot be looked at is unknown, the rest is reported."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hubops.journal.entries import KINDS, map_name
from tests.end_to_end.program import Program, together
from tests.end_to_end.rights import blind, rules, served
from tests.testbed.bed import Testbed
from tests.testbed.process import poll

USER = "system:serviceaccount:default:"


def test_without_any_one_kind(hubops: Program, testbed: Testbed) -> None:
    """No false alarm, no false OK: only what needs the kind is unknown, with the reason, and nothing fires."""
    kinds = served(testbed)
    names = [kind.replace(":", "-").replace(".", "-") for kind in kinds]
    accounts = [
        testbed.service_account("default", f"no-{name}", *rules(kind)) for name, kind in zip(names, kinds, strict=True)
    ]
    runs = [hubops.here("daily", "--output", "json", kubeconfig=path) for path in accounts]
    for name, kind, done in zip(names, kinds, runs, strict=True):
        dependents = blind(kind)
        if kind == "services":  # without which neither Prometheus nor Loki nor Alertmanager is found
            dependents |= blind("prometheus") | blind("loki") | blind("alertmanager")
        assert done.report["findings"] == [], kind
        assert done.ids("unknown") == dependents, kind
        assert done.code == (3 if dependents else 0), kind
        source = next(source for source in done.report["sources"] if source["name"] == "kubernetes")
        assert source["status"] == "partial"
        plural = kind.partition(".")[0]
        assert f"user {USER}no-{name} may not list {plural}" in source["reason"]
        for check in blind(kind):
            assert f"may not list {plural}" in done.check(check)["reason"]


def test_without_the_journal(hubops: Program, testbed: Testbed) -> None:
    account = testbed.service_account("default", "no-journal", *rules("journal"))
    done = hubops.json("daily", kubeconfig=account)
    assert (done.code, done.report["findings"]) == (3, [])
    assert done.ids("unknown") == blind("journal")
    assert "may not get configmaps" in done.check("backup-too-old")["reason"]


def test_without_any_rights(hubops: Program, testbed: Testbed) -> None:
    account = testbed.service_account("default", "nothing")
    full = testbed.service_account("default", "everything", *rules())
    nothing, impersonated, forbidden = together(
        lambda run: hubops.json("daily", *run[1], kubeconfig=run[0]),
        [(account, ()), (testbed.kubeconfig, ("--as", "bob@example.com")), (full, ("--as", "bob@example.com"))],
    )
    for done in (nothing, impersonated, forbidden):
        assert done.code == 3
        assert done.report["verdict"] == "unknown"
        assert done.ids("passed") == {"ignore-expired"}
    assert f"user {USER}nothing may not list pods (403)" in nothing.reasons()
    assert "user bob@example.com may not list pods (403)" in impersonated.reasons()
    assert f"user {USER}everything may not impersonate" in forbidden.reasons()


def test_without_the_way_to_the_monitoring(hubops: Program, testbed: Testbed) -> None:
    account = testbed.service_account("default", "no-proxy", *rules("services/proxy"))
    done = hubops.json("daily", kubeconfig=account)
    assert (done.code, done.report["findings"]) == (3, [])
    statuses = Counter(source["status"] for source in done.report["sources"])
    assert statuses == {"ok": 1, "failed": 3}
    assert 'cannot get resource "services/proxy"' in done.check("target-down")["reason"]
    assert 'cannot get resource "services/proxy"' in done.check("watchdog-missing")["reason"]


def test_with_all_rights_and_no_more(hubops: Program, testbed: Testbed) -> None:
    """What hubops asks for is all it needs; it changes nothing and asks for no Secret."""
    account = testbed.service_account("default", "reader", *rules())
    done = hubops.json("daily", kubeconfig=account)
    assert (done.code, done.report["verdict"], done.report["findings"]) == (0, "ok", [])

    def audited() -> list[dict[str, Any]]:
        with testbed.audit_log.open() as log:
            mine = (json.loads(line) for line in log if f'"{USER}reader"' in line)
            return [event for event in mine if event["user"]["username"] == f"{USER}reader"]

    wanted = {kind.removeprefix("raw:").partition(".")[0] for kind in served(testbed)}
    poll(lambda: wanted <= {str(e["objectRef"]["resource"]) for e in audited() if "objectRef" in e}, "audit log")
    events = audited()
    assert {event["verb"] for event in events} == {"get", "list"}
    asked = {event["objectRef"]["resource"] for event in events if "objectRef" in event}
    assert asked <= wanted | {"endpointslices", "configmaps"}
    assert "secrets" not in asked
    maps = [event for event in events if event.get("objectRef", {}).get("resource") == "configmaps"]
    # The journal of hubops' own runs, by name; nobody else's ConfigMap, and no list of them.
    assert {(event["verb"], event["objectRef"]["namespace"]) for event in maps} == {("get", "hubops")}
    assert {event["objectRef"]["name"] for event in maps} == {map_name(kind) for kind in KINDS}


def test_a_kind_that_is_not_served(hubops: Program, testbed: Testbed) -> None:
    crd = testbed.api.get("CustomResourceDefinition", None, "certificates.cert-manager.io")
    assert crd is not None
    spec = crd["spec"]
    gone = {**crd, "spec": {**spec, "versions": [{**version, "served": False} for version in spec["versions"]]}}
    testbed.api.call("PUT", testbed.api.path_of(crd), gone)
    try:
        poll(lambda: not testbed.api.serves("Certificate"), "certificates no longer served")
        done = hubops.json("daily")
    finally:
        now = testbed.api.get("CustomResourceDefinition", None, "certificates.cert-manager.io") or {}
        testbed.api.call("PUT", testbed.api.path_of(crd), {**now, "spec": spec})
        poll(lambda: testbed.api.serves("Certificate"), "certificates served again")
    assert (done.code, done.ids("unknown"), done.report["findings"]) == (0, set(), [])
    assert "certificate-expires-soon" in done.ids("skipped")
    assert "certificates.cert-manager.io" in done.check("certificate-expires-soon")["reason"]
    assert "serve" in done.check("certificate-expires-soon")["reason"]


def test_a_group_without_a_user(hubops: Program) -> None:
    done = hubops("daily", "--as-group", "system:masters")
    assert done.code == 64
    done.only_says("--as-group needs --as")
