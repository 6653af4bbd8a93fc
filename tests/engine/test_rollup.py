from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.engine.rollup import EVIDENCE, EXAMPLES, Group, affected, finding, fingerprint, group, worse, worst
from hubops.engine.view import View
from hubops.model.check import SEVERITIES, Severity
from hubops.model.finding import Evidence, Finding, Hit, Ref, Symptom, Value
from hubops.model.kube.core import Namespace
from hubops.model.kube.meta import Object
from hubops.model.kube.workloads import Deployment
from tests.engine.make import NOW, check, deployment_pods, meta, pod, snapshot

CHECK = check("pod-crash-looping")
CART = Ref("Deployment", "cart", "shop")


def hit(name: str = "a", namespace: str | None = "shop", summary: str = "crashes", **fields: Any) -> Hit:
    return Hit(ref=Ref("Pod", name, namespace), summary=summary, **fields)


def rolled(
    view: View, *hits: Hit, severity: Severity | None = None, symptoms: tuple[Symptom, ...] = ()
) -> list[Finding]:
    return [finding(view, one, one.hits, symptoms, "team") for one in group(view, CHECK, severity, hits)]


def of_cart(count: int) -> tuple[View, list[Hit]]:
    pods, owner = deployment_pods("cart", count)
    return View(snapshot(*pods, owner)), [hit(item.name) for item in pods]


def test_the_pods_of_a_deployment_are_one_finding() -> None:
    view, hits = of_cart(400)
    (found,) = rolled(view, *hits)
    assert found.ref == CART
    assert found.affected == 400
    assert found.examples == ("cart-5d8-0", "cart-5d8-1", "cart-5d8-10")
    assert found.runbook == found.check == "pod-crash-looping"
    assert found.details == {"pod": "cart-5d8-0"}


def test_an_object_of_its_own_has_no_examples() -> None:
    (found,) = rolled(View(snapshot()), hit("alone"))
    assert (found.ref.name, found.affected, found.examples) == ("alone", 1, ())


def test_two_hits_on_one_object_affect_one() -> None:
    (found,) = rolled(View(snapshot()), hit(summary="container a"), hit(summary="container b"))
    assert found.affected == 1


def test_instances_are_told_apart_by_name() -> None:
    (found,) = rolled(View(snapshot()), hit(example="10.0.0.1"), hit(example="10.0.0.2"))
    assert (found.affected, found.examples) == (2, ("10.0.0.1", "10.0.0.2"))


def test_the_worst_comes_first() -> None:
    view, hits = of_cart(5)
    hits[3] = hit(hits[3].ref.name, value=Value(90, "restarts"), details={"container": "app"})
    hits[4] = hit(hits[4].ref.name, value=Value(9, "restarts"), severity="critical")
    (found,) = rolled(view, *hits)
    assert found.severity == "critical"
    assert found.value == Value(9, "restarts")
    assert found.examples[:2] == ("cart-5d8-4", "cart-5d8-3")


def test_the_commonest_summary_stands_for_all() -> None:
    view, hits = of_cart(3)
    (found,) = rolled(view, hit(hits[0].ref.name, summary="rare", severity="critical"), *hits[1:])
    assert found.summary == "crashes"


def test_the_earliest_beginning_counts() -> None:
    view, hits = of_cart(3)
    times = [NOW, NOW - timedelta(days=2), None]
    (found,) = rolled(view, *(hit(one.ref.name, since=at) for one, at in zip(hits, times, strict=True)))
    assert found.since == NOW - timedelta(days=2)


def test_evidence_is_bounded_and_said_once() -> None:
    view, hits = of_cart(9)
    texts = [(Evidence("log", "same"), *(Evidence("event", f"{one.ref.name} {at}") for at in range(5))) for one in hits]
    (found,) = rolled(view, *(hit(one.ref.name, evidence=text) for one, text in zip(hits, texts, strict=True)))
    assert len(found.evidence) == EVIDENCE
    assert [item.text for item in found.evidence].count("same") == 1


def test_hostile_text_is_inert_and_holds_no_credential() -> None:
    evil = "\x1b[2Jgone\n\u202efdp.exe password=hunter2-secret"
    (found,) = rolled(View(snapshot()), hit(summary=evil, evidence=(Evidence("log", evil),)))
    for text in (found.summary, found.evidence[0].text):
        assert "\x1b" not in text
        assert "\n" not in text
        assert "\u202e" not in text
        assert "hunter2" not in text


@pytest.mark.parametrize(
    ("objects", "team"),
    [
        ([pod("a", labels={"team": "pod"}), Namespace(metadata=meta("shop", labels={"team": "ns"}))], "pod"),
        ([pod("a"), Namespace(metadata=meta("shop", labels={"team": "ns"}))], "ns"),
        (
            [
                pod("a", owner=("Deployment", "web")),
                Deployment(metadata=meta("web", "shop", labels={"team": "owner"})),
                Namespace(metadata=meta("shop", labels={"team": "ns"})),
            ],
            "owner",
        ),
        ([pod("a")], None),
    ],
)
def test_whose_it_is(objects: list[Object], team: str | None) -> None:
    (found,) = rolled(View(snapshot(*objects)), hit())
    assert found.owner == team


def test_what_the_site_says_of_the_severity_holds_for_every_hit() -> None:
    (found,) = rolled(View(snapshot()), hit(severity="critical"), severity="info")
    assert found.severity == "info"


def test_a_finding_is_as_severe_as_what_it_explains() -> None:
    symptom = Symptom(check="x", severity="critical", ref=CART, summary="down")
    (found,) = rolled(View(snapshot()), hit(), symptoms=(symptom,))
    assert found.severity == "critical"


def test_severities_are_ordered() -> None:
    assert worst(["info", "critical", "warning"]) == "critical"
    assert worse("critical", "warning")
    assert not worse("info", "info")


def test_fingerprints_are_stable() -> None:
    assert fingerprint("pod-crash-looping", "prod-eu", CART) == "ec7d0b9912e6a1de"


def test_fingerprints_differ_by_check_cluster_and_object() -> None:
    refs = [CART, Ref("Deployment", "cart"), Ref("StatefulSet", "cart", "shop"), Ref("Deployment", "shop", "cart")]
    found = {fingerprint(name, cluster, ref) for name in ("a", "b") for cluster in ("x", "y") for ref in refs}
    assert len(found) == 16


names = st.sampled_from([f"cart-5d8-{at}" for at in range(6)] + ["stray", "other"])
hits_of_any_kind = st.lists(
    st.builds(
        hit,
        name=names,
        namespace=st.sampled_from(["shop", "data", None]),
        summary=st.sampled_from(["x", "y"]) | st.text(),
        severity=st.none() | st.sampled_from(SEVERITIES),
        example=st.none() | st.sampled_from(["i1", "i2"]),
        value=st.none() | st.builds(Value, st.floats(allow_nan=False), st.just("u")),
        since=st.none() | st.integers(0, 9).map(lambda hours: NOW - timedelta(hours=hours)),
        evidence=st.lists(st.builds(Evidence, st.just("log"), st.text()), max_size=3).map(tuple),
    ),
    max_size=30,
)


@given(hits_of_any_kind, st.randoms(use_true_random=False))
def test_counts_add_up_and_order_does_not_matter(hits: list[Hit], chance: random.Random) -> None:
    pods, owner = deployment_pods("cart", 6)
    view = View(snapshot(*pods, owner))
    groups: list[Group] = group(view, CHECK, None, hits)
    assert sum(len(one.hits) for one in groups) == len(hits)
    assert sum(affected(one.hits) for one in groups) == affected(hits)
    findings = rolled(view, *hits)
    assert len({found.fingerprint for found in findings}) == len(findings) == len({found.ref for found in findings})
    for found in findings:
        assert len(found.examples) <= min(EXAMPLES, found.affected)
        assert len(found.evidence) <= EVIDENCE
    chance.shuffle(hits)
    assert rolled(View(snapshot(*reversed(pods), owner)), *hits) == findings
