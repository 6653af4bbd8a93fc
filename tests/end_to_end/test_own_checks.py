"""A user's own folder of YAML: every way of deciding, on what fires and on what does not, with its runbook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.end_to_end.program import DAILY, Program
from tests.testbed.bed import Testbed

NO_TEAM = """
id: deployment-without-team
title: Deployment without a team
rounds: [daily]
severity: warning
kind: Deployment
cel: "!('hubops.example.com/team' in object.metadata.labels)"
summary: "{ref} with {object.spec.replicas} replicas has no team"
"""
LATE = """
id: certificate-renewed-late
title: Certificate renewed late
rounds: [daily]
severity: info
kind: certificates.cert-manager.io/v1
cel: timestamp(object.status.notAfter) - timestamp(object.status.renewalTime) < duration(with.ahead)
with: {ahead: AHEAD}
since: object.status.renewalTime
summary: "{ref} is renewed less than {with.ahead} ahead"
"""
SERIES = """
id: many-series
title: Prometheus holds many series
rounds: [daily]
severity: info
promql: sum(prometheus_tsdb_head_series or up * 1000) > $most
with: {most: MOST}
value: {unit: series}
summary: "holds {value}"
"""
CHATTY = """
id: chatty
title: Application logs much
rounds: [daily]
severity: info
logql: sum by (namespace, app) (count_over_time({namespace="shop"}[1h])) > $lines
with: {lines: LINES}
ref: {kind: App, namespace: namespace, name: app}
value: {unit: lines}
summary: "{value} in an hour"
lines: '{namespace="{namespace}", app="{app}"}'
"""
RUNBOOK = """# Deployment without a team

## Meaning

Nobody is called when {name} breaks.

## Diagnosis

```bash read-only
kubectl -n {namespace} get deployment {name} --show-labels
```
"""


def test_what_fires(hubops: Program, testbed: Testbed, folder: Callable[..., Path]) -> None:
    """Each of the ways of deciding brings its findings, with evidence, and the shipped checks stay as they are."""
    path = folder(
        deployment_without_team=NO_TEAM,
        certificate_renewed_late=LATE.replace("AHEAD", "10000h"),
        many_series=SERIES.replace("MOST", "10"),
        chatty=CHATTY.replace("LINES", "3"),
    )
    (path / "deployment-without-team.md").write_text(RUNBOOK)
    done = hubops.json("daily", "--checks", path, "--output", "rich=report.txt")
    found = {finding["check"] for finding in done.report["findings"]}
    assert found == {"deployment-without-team", "certificate-renewed-late", "many-series", "chatty"}
    assert done.reasons() == ""
    assert (done.code, done.ids("unknown"), done.well()) == (1, set(), DAILY)
    by_check = {finding["check"]: finding for finding in done.report["findings"]}
    cart = next(
        finding
        for finding in done.report["findings"]
        if finding["ref"] == {"kind": "Deployment", "namespace": "shop", "name": "cart"}
    )
    replicas = (testbed.api.get("Deployment", "shop", "cart") or {})["spec"]["replicas"]
    assert cart["summary"] == f"Deployment shop/cart with {replicas} replicas has no team"
    assert by_check["certificate-renewed-late"]["ref"]["kind"] == "Certificate"
    assert by_check["certificate-renewed-late"]["since"]
    assert by_check["many-series"]["ref"]["kind"] == "Cluster"
    assert by_check["many-series"]["value"]["number"] > 10
    assert {evidence["kind"] for evidence in by_check["chatty"]["evidence"]} == {"metric", "log"}
    assert "get deployment cart --show-labels" in (hubops.home / "report.txt").read_text()
    runbook = hubops("runbook", "deployment-without-team", "--for", "deployment/shop/cart", "--checks", path)
    assert runbook.code == 0
    assert "Nobody is called when cart breaks." in runbook.out
    assert "kubectl -n shop get deployment cart --show-labels" in runbook.out


def test_what_is_quiet(hubops: Program, testbed: Testbed, folder: Callable[..., Path]) -> None:
    path = folder(
        deployment_without_team=NO_TEAM.replace("hubops.example.com/team", "app"),
        certificate_renewed_late=LATE.replace("AHEAD", "1h"),
        many_series=SERIES.replace("MOST", "10000000"),
        chatty=CHATTY.replace("LINES", "1000000"),
    )
    done = hubops.json("daily", "--checks", path)
    assert (done.code, done.report["findings"], done.ids("unknown")) == (0, [], set())
    assert done.check("deployment-without-team")["examined"] == len(testbed.api.list("Deployment"))
    assert done.check("certificate-renewed-late")["examined"] == len(testbed.api.list("Certificate"))


def test_by_the_environment(hubops: Program, folder: Callable[..., Path]) -> None:
    path = folder(many_series=SERIES.replace("MOST", "10"))
    done = hubops.json("check", "many-series", env={"HUBOPS_CHECKS": str(path)})
    assert [finding["check"] for finding in done.report["findings"]] == ["many-series"]
