"""The whole platform from one command, on a real control plane: planned, installed, looked at, removed."""

from __future__ import annotations

import re

from hubops.errors import Exit
from tests.bootstrap.platform.cluster import UNTRIED, Completed, Platform, components, untried, written
from tests.bootstrap.platform.state import State, differences, releases, stored

_PROGRESS = re.compile(r"(\d\d):(\d\d)  ([a-z0-9-]+): (.*)")
_LEASE = "update /apis/coordination.k8s.io/v1/namespaces/hubops/leases/bootstrap"
#: A certificate that is issued and removed, an alert for nobody, a line of a log, questions about rights, dry runs.
_OF_A_GATE = re.compile(
    r"/namespaces/hubops/(certificates|issuers|secrets)(/bootstrap-gate|\?)|/proxy/|selfsubjectaccessreviews|dryRun=All"
)
#: What stays of a namespace that stays: claims, and what is in every namespace, or is a Secret of somebody.
_STAYS = re.compile(
    r"\+ (CustomResourceDefinition\.\S+ /\S+|Namespace\. /(hubops|logging|monitoring)"
    r"|(PersistentVolumeClaim|Secret)\. (logging|monitoring)/\S+"
    r"|(ConfigMap\. \w+/kube-root-ca.crt|ServiceAccount\. \w+/default))"
)


def test_a_plan_before_any_kind_is_there(platform: Platform, before: State) -> None:
    planned = platform.run("plan")
    assert planned.returncode == Exit.WARNING, planned.stdout + planned.stderr
    assert "preflight" not in planned.stdout
    for each in components():
        chart = each.component.chart
        assert (
            f"{each.name}: " + (f"install {chart.name}-{chart.version} as" if chart else "manifests") in planned.stdout
        )
    assert differences(before, stored(platform.bed.api)) == [], "a plan writes nothing"


def test_every_gate_passes_in_the_order_of_needs(applied: Completed) -> None:
    assert untried(applied) == UNTRIED
    by_name = {each.name: each for each in components()}
    begun: list[str] = []
    over: list[str] = []
    at_once = most = 0
    for line in applied.stderr.splitlines():
        found = _PROGRESS.fullmatch(line)
        assert found, line
        _, _, name, words = found.groups()
        if words == "planning":
            assert set(by_name[name].component.needs) <= set(over), f"{name} began before what it needs was done"
            begun.append(name)
            at_once += 1
        elif words == "done":
            over.append(name)
            at_once -= 1
        most = max(most, at_once)
    assert set(over) == set(by_name)
    assert most > 2, "components that do not need each other are installed at once"
    assert {name for name in begun if f"{name}: gate" in applied.stderr} == set(by_name)


def test_again_nothing_changes(platform: Platform, state: State) -> None:
    """Of the cluster only the lock's Lease is written, and what gates make for a moment."""
    since = platform.bed.audit_log.stat().st_size
    again = platform.run("apply", "--yes", "--timeout", "240s")
    assert again.returncode == Exit.OK, again.stdout + again.stderr
    assert "Nothing to change." in again.stdout
    assert "Installed" not in again.stdout
    assert differences(state, stored(platform.bed.api)) == []
    wrote = {each for each in written(platform.bed.audit_log, since) if not _OF_A_GATE.search(each)}
    assert {each.partition("?")[0] for each in wrote} == {_LEASE}


def test_every_gate_again_with_applications(used: Platform) -> None:
    done = used.run("verify")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert untried(done) == {"monitoring: dashboards-loaded"}
    assert f"hosts: ingress-routes: 6 hosts answer at {used.address}" in done.stdout
    assert f"grafana.platform.internal. 300 IN A {used.address}" in " ".join(done.stdout.split())


def test_the_daily_round_finds_it_healthy(used: Platform) -> None:
    done = used.daily("--output", "plain")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert "COULD NOT CHECK" not in done.stdout


def test_at_its_end_only_what_is_of_value_is_left(platform: Platform, destroyed: Completed, before: State) -> None:
    left = differences(before, stored(platform.bed.api))
    assert [each for each in left if not _STAYS.fullmatch(each)] == []
    assert "with it Helm deletes certificaterequests.cert-manager.io, certificates.cert-manager.io" in destroyed.stdout
    assert "Left: Namespace monitoring: 5 claims are in it" in destroyed.stdout
    kept = {each.rpartition("/")[2] for each in left if each.startswith("+ CustomResourceDefinition")}
    assert "scaledobjects.keda.sh" in kept, "those of teams are not to be lost with the chart"
    assert not any(each.endswith("cert-manager.io") for each in kept), "as was said before"
    [said] = [line for line in destroyed.stdout.splitlines() if "CustomResourceDefinitions of" in line]
    assert "keda.sh" in said
    assert releases(platform.bed.api) == {}
