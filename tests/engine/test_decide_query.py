from __future__ import annotations

from typing import Any

import pytest

from hubops.config import CheckSettings
from hubops.engine.decide_query import decide
from hubops.engine.decision import Decision
from hubops.engine.parameters import parameter_sets
from hubops.engine.view import View
from hubops.model.check import Check, Examines, RefLabels, ValueMeaning
from hubops.model.finding import Evidence, Ref, Value
from hubops.model.kube.meta import Object
from hubops.model.kube.storage import PersistentVolumeClaim
from hubops.model.snapshot import LogLine, Sample
from tests.engine.make import NOW, check, deployment_pods, meta, sample, snapshot

CLAIM = RefLabels(kind="PersistentVolumeClaim", namespace="namespace", name="persistentvolumeclaim")
FULL = check(
    "full",
    promql="used > $ratio",
    with_={"ratio": 0.85},
    ref=CLAIM,
    value=ValueMeaning(unit="ratio", meaning="of the space"),
    summary="{value} of the space is used",
)


def decided(
    of: Check, *objects: Object, settings: CheckSettings | None = None, read: tuple[str, ...] = (), **answers: Any
) -> Decision:
    return decide(View(snapshot(*objects, read=read, **answers)), of, parameter_sets(of, settings))


def claim(value: str, name: str = "data", namespace: str = "shop") -> Sample:
    return sample(value, namespace=namespace, persistentvolumeclaim=name, node="n1")


def test_a_series_is_a_hit() -> None:
    (hit,) = decided(FULL, metrics={"used > 0.85": (claim("0.912"),)}).hits
    assert hit.ref == Ref("PersistentVolumeClaim", "data", "shop")
    assert hit.summary == "91.2% of the space is used"
    assert hit.value == Value(0.912, "ratio")
    assert hit.evidence == (Evidence("metric", "of the space: 91.2%", NOW),)
    assert hit.details == {"namespace": "shop", "persistentvolumeclaim": "data", "node": "n1"}


def test_no_series_is_no_hit() -> None:
    assert decided(FULL, metrics={"used > 0.85": ()}) == Decision()


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "full", ""])
def test_a_value_that_says_nothing_is_undecided_and_hides_no_other(value: str) -> None:
    answer = decided(FULL, metrics={"used > 0.85": (claim(value), claim("0.9", "logs"))})
    assert [hit.ref.name for hit in answer.hits] == ["logs"]
    assert answer.reason == (
        f'the value of {{namespace="shop", node="n1", persistentvolumeclaim="data"}} is {value}, which says nothing'
    )


def test_a_series_that_names_no_object_is_undecided() -> None:
    answer = decided(FULL, metrics={"used > 0.85": (sample("0.9", namespace="shop"),)})
    assert answer.hits == ()
    assert "has no label 'persistentvolumeclaim' to name its PersistentVolumeClaim" in (answer.reason or "")


def test_a_query_about_nothing_in_particular_is_about_the_cluster() -> None:
    (hit,) = decided(check(promql="absent(up)"), metrics={"absent(up)": (sample("1"),)}).hits
    assert hit.ref == Ref("Cluster", "test")
    assert hit.summary == "Something is wrong: 1"


def test_namespaces_have_their_own_thresholds() -> None:
    settings = CheckSettings(namespaces={"data": {"ratio": 0.95}})
    both = (claim("0.9", namespace="data"), claim("0.9", namespace="shop"))
    metrics = {"used > 0.85": both, "used > 0.95": (claim("0.97", "big", "data"),)}
    hits = decided(FULL, settings=settings, metrics=metrics).hits
    assert [(hit.ref.namespace, hit.ref.name) for hit in hits] == [("shop", "data"), ("data", "big")]


EXAMINING = check(promql="used > 1", examines=Examines(query="count(used)", of="PersistentVolumeClaim"), ref=CLAIM)
EMPTY: dict[str, tuple[Sample, ...]] = {"used > 1": (), "count(used)": ()}
BOUND = PersistentVolumeClaim(metadata=meta("data", "shop"))


def test_an_empty_answer_is_no_health_when_nothing_was_looked_at() -> None:
    answer = decided(EXAMINING, BOUND, metrics=EMPTY)
    assert answer.reason == "Prometheus has no series for it to look at (count(used) answers nothing)"


def test_nothing_to_look_at_is_fine_where_the_cluster_has_none() -> None:
    assert decided(EXAMINING, read=("persistentvolumeclaims",), metrics=EMPTY) == Decision(examined=0)


def test_kinds_that_were_not_read_prove_nothing() -> None:
    assert decided(EXAMINING, metrics=EMPTY).problems


def test_without_a_kind_an_empty_answer_is_always_undecided() -> None:
    of = check(logql="used > 1", examines=Examines(query="count(used)"))
    answer = decided(of, log_metrics=EMPTY)
    assert answer.reason == "Loki has no series for it to look at (count(used) answers nothing)"


def test_series_that_were_looked_at_are_counted() -> None:
    counted = (sample("30", namespace="a"), sample("12", namespace="b"))
    assert decided(EXAMINING, metrics={"used > 1": (), "count(used)": counted}) == Decision(examined=42)
    assert decided(EXAMINING, metrics={"used > 1": (), "count(used)": (sample("NaN"),)}).problems


def test_owners_and_instances() -> None:
    pods, owner = deployment_pods("cart", 1)
    of = check(
        promql="down",
        ref=RefLabels(kind="Pod", namespace="namespace", name="pod"),
        depends_on=(RefLabels(kind="Node", name="node"), RefLabels(kind="Service", namespace="ns", name="service")),
        example="instance",
        summary="{ref} {name} {namespace} {labels.job} {labels.missing} {value}",
    )
    down = sample("3", namespace="shop", pod=pods[0].name, node="n1", instance="10.0.0.1:80", job="{ref}")
    (hit,) = decided(of, *pods, owner, metrics={"down": (down,)}).hits
    assert hit.ref == Ref("Pod", pods[0].name, "shop")
    assert hit.summary == "Deployment shop/cart cart shop {ref} (no labels.missing) 3"
    assert hit.depends_on == (Ref("Node", "n1"),)
    assert hit.example == "10.0.0.1:80"


@pytest.mark.parametrize(
    ("unit", "value", "said"),
    [
        ("bytes", "1610612736", "1.5 GiB"),
        ("ratio", "0.5", "50.0%"),
        ("seconds", "93600", "1d 2h"),
        ("lines/s", "12.3456", "12.35 lines/s"),
        ("seconds", "1e300", "11574d 1h"),
    ],
)
def test_values_are_said_in_their_unit(unit: str, value: str, said: str) -> None:
    of = check(promql="q", value=ValueMeaning(unit=unit), summary="{value}")
    assert decided(of, metrics={"q": (sample(value),)}).hits[0].summary == said


def test_sample_lines_are_evidence() -> None:
    of = check(logql="rate > $n", with_={"n": 1}, lines='{app="{app}"} |= "error" != "$n"')
    series = sample("3", app='a"} or {b="')
    lines = tuple(LogLine(f"error {at}", NOW) for at in range(5))
    asked = '{app="a\\"} or {b=\\""} |= "error" != "1"'
    (hit,) = decided(of, log_metrics={"rate > 1": (series,)}, log_lines={asked: lines}).hits
    assert [item.text for item in hit.evidence] == ["value: 3", "error 2", "error 3", "error 4"]
    assert {item.kind for item in hit.evidence[1:]} == {"log"}
