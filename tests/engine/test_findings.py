from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hubops.config import Config, convert
from hubops.engine.findings import conclude, ordered
from hubops.engine.rollup import Group, affected, group
from hubops.engine.view import View
from hubops.model.check import SEVERITIES, Severity
from hubops.model.finding import Finding, Hit, Ref
from hubops.model.report import Ignored
from tests.engine.make import check, deployment_pods, snapshot
from tests.engine.test_symptoms import checks, found

PODS, REPLICASET = deployment_pods("cart", 3)
VIEW = View(snapshot(*PODS, REPLICASET))
NODE, CART = Ref("Node", "n1"), Ref("Deployment", "cart", "shop")
SERVICE = Ref("Service", "cart", "shop")


def of(name: str, *hits: Hit, severity: Severity = "warning", symptom_of: tuple[str, ...] = ()) -> list[Group]:
    return group(VIEW, check(name, severity=severity, symptom_of=symptom_of), None, hits)


def pods(*numbers: int, depends_on: tuple[Ref, ...] = ()) -> list[Hit]:
    return [Hit(ref=Ref("Pod", PODS[at].name, "shop"), summary="bad", depends_on=depends_on) for at in numbers]


def concluded(*groups: list[Group], **config: Any) -> tuple[tuple[Finding, ...], tuple[Ignored, ...]]:
    return conclude(VIEW, [one for some in groups for one in some], convert(config, Config, "x"))


def ignore(about: str, **fields: Any) -> dict[str, Any]:
    return {"check": about, "reason": "known", **fields}


LOST = of("not-ready", *pods(0, 1, depends_on=(NODE,)), symptom_of=("node",))


def test_a_cause_carries_its_symptoms_and_their_severity() -> None:
    node = of("node", Hit(ref=NODE, summary="down"))
    down = of("down", Hit(ref=CART, summary="none left"), severity="critical", symptom_of=("not-ready",))
    findings, ignored = concluded(node, LOST, down)
    (cause,) = findings
    assert (cause.check, cause.severity, cause.affected) == ("node", "critical", 1)
    assert [(one.check, one.severity, one.affected, one.summary) for one in cause.symptoms] == [
        ("down", "critical", 1, "none left"),
        ("not-ready", "warning", 2, "bad"),
    ]
    assert ignored == ()


def test_an_ignored_cause_takes_what_follows_from_it_along() -> None:
    findings, ignored = concluded(of("node", Hit(ref=NODE, summary="down")), LOST, ignores=[ignore("node")])
    assert findings == ()
    assert [(one.check, one.reason) for one in ignored] == [
        ("node", "known"),
        ("not-ready", "follows from node on Node n1: known"),
    ]


def test_what_is_worse_than_the_ignored_cause_is_reported_with_its_own_symptoms() -> None:
    pressure = of("pressure", Hit(ref=NODE, summary="disk"), severity="info")
    lost = of("not-ready", *pods(0, depends_on=(NODE,)), symptom_of=("pressure",))
    service = of("service", Hit(ref=SERVICE, summary="empty", depends_on=(CART,)), symptom_of=("not-ready",))
    findings, ignored = concluded(pressure, lost, service, ignores=[ignore("pressure")])
    assert [(one.check, [symptom.check for symptom in one.symptoms]) for one in findings] == [
        ("not-ready", ["service"])
    ]
    assert [one.check for one in ignored] == ["pressure"]


def test_an_ignored_symptom_neither_shows_nor_raises_its_cause() -> None:
    node = of("node", Hit(ref=NODE, summary="down"), severity="info")
    findings, ignored = concluded(node, LOST, ignores=[ignore("not-ready")])
    assert [(one.check, one.severity, one.symptoms) for one in findings] == [("node", "info", ())]
    assert [one.check for one in ignored] == ["not-ready"]


def test_an_ignored_link_does_not_break_the_chain() -> None:
    node = of("node", Hit(ref=NODE, summary="down"))
    service = of("service", Hit(ref=SERVICE, summary="empty", depends_on=(CART,)), symptom_of=("not-ready",))
    findings, _ = concluded(node, LOST, service, ignores=[ignore("not-ready")])
    assert [(one.check, [symptom.check for symptom in one.symptoms]) for one in findings] == [("node", ["service"])]


def test_only_the_ignored_objects_are_taken_out() -> None:
    findings, ignored = concluded(of("crash", *pods(0, 1, 2)), ignores=[ignore("crash", kind="Pod", name="*-1")])
    assert [(one.affected, one.examples) for one in findings] == [(2, (PODS[0].name, PODS[2].name))]
    assert ignored == (Ignored(check="crash", ref=CART, reason="known"),)


def test_the_worst_and_widest_come_first() -> None:
    findings, _ = concluded(
        of("b", *pods(0)),
        of("a", Hit(ref=NODE, summary="x")),
        of("c", *pods(0, 1)),
        of("d", Hit(ref=NODE, summary="x"), severity="info"),
        of("e", Hit(ref=NODE, summary="x"), severity="critical"),
    )
    assert [one.check for one in findings] == ["e", "a", "c", "b", "d"]


@given(
    st.fixed_dictionaries(dict.fromkeys(checks, found)),
    st.fixed_dictionaries({name: st.lists(st.sampled_from(checks), unique=True) for name in checks}),
    st.fixed_dictionaries({name: st.sampled_from(["critical", "warning", "info"]) for name in checks}),
    st.sets(st.sampled_from(checks)),
)
def test_nothing_is_lost(
    by_check: dict[str, list[Hit]], causes: dict[str, list[str]], severities: dict[str, Severity], hidden: set[str]
) -> None:
    """Everything that was hit is a finding, a symptom, or counted as ignored, and the worst of it leads."""
    groups = [
        of(name, *by_check[name], severity=severities[name], symptom_of=tuple(c for c in causes[name] if c != name))
        for name in checks
    ]
    findings, ignored = concluded(*groups, ignores=[ignore(name) for name in sorted(hidden)])
    shown = {(one.check, one.ref) for one in findings} | {(s.check, s.ref) for one in findings for s in one.symptoms}
    named = {(one.check, one.ref) for one in ignored}
    assert shown | named == {(one.check.id, one.ref) for some in groups for one in some}
    assert len({one.fingerprint for one in findings}) == len(findings)
    counts = [one.affected for one in findings] + [s.affected for one in findings for s in one.symptoms]
    if hidden:
        assert not {name for name, _ in shown} & hidden
    else:  # an object that was hit twice may be counted under both of its causes
        hits = [hit for some in groups for one in some for hit in one.hits]
        assert sum(affected(one.hits) for some in groups for one in some) <= sum(counts) <= len(hits)
        worst = [min(SEVERITIES.index(severities[one.check.id]) for some in groups for one in some)] if hits else []
        assert [SEVERITIES.index(one.severity) for one in findings[:1]] == worst


def test_worst_comes_first_shared_before_namespaced_and_resolved_last() -> None:
    def one(check: str, name: str, severity: Severity = "warning", affected: int = 1, **more: Any) -> Finding:
        ref = more.pop("ref", Ref("Deployment", name, "shop"))
        base = Finding(check=check, severity=severity, ref=ref, summary="", runbook=check, fingerprint=name)
        return msgspec.structs.replace(base, affected=affected, **more)

    findings = [
        one("b", "worker", "warning", ref=Ref("Node", "worker")),
        one("c", "many", "critical", 2),
        one("a", "one", "critical"),
        one("a", "wide", "critical", 9),
        one("d", "node", "critical", ref=Ref("Node", "node")),
        one("a", "gone", "critical", 99, state="resolved"),
        one("b", "small"),
    ]
    assert [item.ref.name for item in ordered(findings)] == ["node", "wide", "one", "many", "worker", "small", "gone"]
