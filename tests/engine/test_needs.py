from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hubops.config import Config, convert
from hubops.engine.ignores import IGNORE_EXPIRED
from hubops.engine.needs import missing, needs_of, required
from hubops.engine.parameters import parameter_sets
from hubops.engine.probe import probe
from hubops.engine.view import View
from hubops.model.check import Check, Examines, RefLabels
from hubops.model.finding import Hit
from hubops.model.snapshot import Needs
from tests.engine.make import check, snapshot

CERTIFICATES = "certificates.cert-manager.io"


@probe(needs=("pods",), uses=("events", "container-logs", "alerts"))
def pods_probe(view: View) -> Iterator[Hit]:
    """Nothing."""
    yield from ()


@probe(needs=(CERTIFICATES,), fields={CERTIFICATES: ("spec.dnsNames",)})
def certificates_probe(view: View) -> Iterator[Hit]:
    """Nothing."""
    yield from ()


PROBES = {"pods_probe": pods_probe, "certificates_probe": certificates_probe}


def needs(*checks: Check, **config: Any) -> Needs:
    return needs_of(checks, convert(config, Config, "x"), PROBES)


def test_a_probe_is_given_what_it_needs_what_it_can_use_and_what_leads_to_owners() -> None:
    found = needs(check(probe="pods_probe"))
    above = {"namespaces", "replicasets", "jobs", "deployments", "statefulsets", "daemonsets", "cronjobs"}
    assert found.kinds == {"pods", "events"} | above
    assert found.alerts
    assert found.container_logs
    assert (found.promql, found.logql, found.custom) == (frozenset(), frozenset(), {})


def test_queries_come_with_their_thresholds_once_for_each_set() -> None:
    query = check(
        promql="up < $n",
        with_={"n": 1},
        examines=Examines(query="count(up) > $n", of="PersistentVolumeClaim"),
        ref=RefLabels(kind="Node", name="node"),
    )
    found = needs(query, checks={"c": {"namespaces": {"a": {"n": 2}, "b": {"n": 2}}}})
    assert found.promql == {"up < 1", "count(up) > 1", "up < 2", "count(up) > 2"}
    assert found.kinds == {"namespaces", "nodes", "persistentvolumeclaims"}


def test_sample_lines_are_asked_for_beside_their_query() -> None:
    query = check(
        logql='sum by (app) (rate({app=~".+"}[$w])) > 1',
        lines='{app="{app}"} |= "$text"',
        with_={"w": "5m", "text": "err"},
    )
    found = needs(query)
    assert found.logql == {'sum by (app) (rate({app=~".+"}[5m])) > 1'}
    assert found.log_lines == {next(iter(found.logql)): frozenset({'{app="{app}"} |= "err"'})}


def test_expressions_ask_for_the_fields_that_they_read() -> None:
    one = check("one", cel="has(object.status.notAfter)", since="object.status.notBefore", kind=f"{CERTIFICATES}/v1")
    two = check("two", probe="certificates_probe")
    three = check("three", cel="object.spec.hostNetwork == true", kind="Pod")
    four = check("four", cel="object.spec.paused == true", kind="Deployment")
    found = needs(one, two, three, four)
    assert found.custom == {
        CERTIFICATES: frozenset({"status.notAfter", "status.notBefore", "spec.dnsNames"}),
        "raw:pods": frozenset({"spec.hostNetwork"}),
        "raw:deployments.apps": frozenset({"spec.paused"}),
    }


def test_nothing_is_read_for_a_check_that_does_not_run() -> None:
    off = check("off", promql="up", enabled=False)
    assert needs(off, check("site", promql="up"), checks={"site": {"enabled": False}}) == Needs()
    assert needs(off, checks={"off": {"enabled": True}}).promql == {"up"}


def test_expired_ignores_need_no_evidence() -> None:
    assert required(IGNORE_EXPIRED, (), PROBES) == ()


def test_what_is_missing_says_why() -> None:
    query = check(promql="up\n< 1")
    names = (*required(query, parameter_sets(query, None), PROBES), "pods", "nodes", "raw:pods", "container-logs")
    taken = snapshot(read=("nodes",), unread={"pods": "403 Forbidden"})
    assert missing(names, taken) == [
        ("promql:up\n< 1", "this snapshot holds no answer to the promql query up < 1"),
        ("pods", "403 Forbidden"),
        ("raw:pods", "this snapshot holds no pods"),
        ("container-logs", "this snapshot holds no container logs"),
    ]


def test_a_query_that_counts_as_read_has_an_answer() -> None:
    read = ("promql:up", "promql:down", "logql:rate")
    taken = snapshot(read=read, metrics={"up": ()}, log_metrics={"rate": ()})
    assert [name for name, _ in missing(read, taken)] == ["promql:down"]
