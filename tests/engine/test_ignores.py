from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from hubops.config import Ignore
from hubops.engine.ignores import Ignores, expired, expired_ignores
from hubops.engine.view import View
from hubops.model.finding import Ref
from hubops.model.kube.core import Namespace
from hubops.model.kube.meta import Object
from hubops.model.kube.workloads import Deployment
from tests.engine.make import NOW, meta, pod, snapshot

POD = Ref("Pod", "chaos-1", "sandbox")
OWNER = Ref("Deployment", "chaos", "sandbox")
TODAY = NOW.date()


def reason(
    *objects: Object, ref: Ref = POD, owner: Ref = OWNER, rules: tuple[Ignore, ...] = (), **custom: Any
) -> str | None:
    return Ignores(View(snapshot(*objects, **custom)), rules).reason("pod-crash-looping", ref, owner)


@pytest.mark.parametrize(
    "fields",
    [
        {"check": "pod-crash-looping"},
        {"check": "pod-*", "namespace": "sand*"},
        {"check": "*", "kind": "Deployment", "name": "chaos"},
        {"check": "*", "kind": "Pod", "name": "chaos-?"},
        {"check": "pod-crash-looping", "until": TODAY},
    ],
)
def test_a_rule_hides_what_it_names(fields: dict[str, Any]) -> None:
    assert reason(rules=(Ignore(reason="on purpose", **fields),)) == "on purpose"


@pytest.mark.parametrize(
    "fields",
    [
        {"check": "pod-crash"},
        {"check": "*", "namespace": "shop"},
        {"check": "*", "kind": "StatefulSet"},
        {"check": "*", "kind": "Deployment", "name": "chaos-?"},
        {"check": "*", "kind": "pod"},
        {"check": "*", "until": TODAY - timedelta(days=1)},
    ],
)
def test_a_rule_hides_nothing_else(fields: dict[str, Any]) -> None:
    assert reason(rules=(Ignore(reason="on purpose", **fields),)) is None


def test_the_rules_of_a_namespace_hold_for_the_namespace_itself() -> None:
    rule = Ignore(check="*", reason="going", namespace="sandbox")
    assert reason(rules=(rule,), ref=Ref("Namespace", "sandbox"), owner=Ref("Namespace", "sandbox")) == "going"
    assert reason(rules=(rule,), ref=Ref("Node", "sandbox"), owner=Ref("Node", "sandbox")) is None


IGNORED: dict[str, Any] = {"annotations": {"hubops.io/ignore": "other, pod-crash-looping"}}


@pytest.mark.parametrize(
    ("item", "where"),
    [
        (pod("chaos-1", "sandbox", **IGNORED), "Pod sandbox/chaos-1"),
        (Deployment(metadata=meta("chaos", "sandbox", **IGNORED)), "Deployment sandbox/chaos"),
        (Namespace(metadata=meta("sandbox", **IGNORED)), "Namespace sandbox"),
    ],
)
def test_annotations_on_the_object_its_owner_or_its_namespace(item: Object, where: str) -> None:
    assert reason(item) == f"annotation hubops.io/ignore on {where}"


@pytest.mark.parametrize("written", ["", "pod-crash", ",,", "pod-crash-looping-2"])
def test_annotations_about_other_checks_hide_nothing(written: str) -> None:
    assert reason(pod("chaos-1", "sandbox", annotations={"hubops.io/ignore": written})) is None


def test_annotations_on_custom_resources() -> None:
    item = {"kind": "App", "metadata": {"name": "a", "namespace": "sandbox", **IGNORED}}
    ref = Ref("App", "a", "sandbox")
    assert reason(ref=ref, owner=ref, custom={"apps.example.com": (item,)})


def test_the_last_day_still_holds() -> None:
    rule = Ignore(check="x", reason="r", until=date(2026, 3, 1))
    assert not expired(rule, date(2026, 3, 1))
    assert expired(rule, date(2026, 3, 2))
    assert not expired(Ignore(check="x", reason="r"), date(2099, 1, 1))


def test_what_ran_out_is_reported() -> None:
    rules = (
        Ignore(check="pod-*", reason="load test", namespace="a", until=TODAY - timedelta(days=2)),
        Ignore(check="pod-*", reason="load test", namespace="b", until=TODAY),
        Ignore(check="pod-*", reason="load test", namespace="c"),
    )
    answer = expired_ignores(rules, TODAY)
    assert (len(answer.hits), answer.examined) == (1, 3)
    assert answer.hits[0].ref == Ref("Ignore", "pod-* in a")
    assert answer.hits[0].summary == "ran out after 2026-02-27; what it hid is reported again"
    assert answer.hits[0].evidence[0].text == "hubops.yaml: ignores: pod-* in a, because: load test"


def test_each_ignore_has_a_name_of_its_own() -> None:
    gone = TODAY - timedelta(days=1)
    rules = (
        Ignore(check="a", reason="r", until=gone),
        Ignore(check="a", reason="r", until=gone, kind="Pod"),
        Ignore(check="a", reason="r", until=gone, kind="Pod", name="x-*", namespace="shop"),
    )
    names = [hit.ref.name for hit in expired_ignores(rules, TODAY).hits]
    assert names == ["a", "a on Pod", "a on Pod x-* in shop"]
