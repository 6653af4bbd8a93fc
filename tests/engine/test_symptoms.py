from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hubops.engine.rollup import Group, group
from hubops.engine.symptoms import Folded, fold
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref
from tests.engine.make import check, deployment_pods, snapshot

PODS, REPLICASET = deployment_pods("cart", 3)
VIEW = View(snapshot(*PODS, REPLICASET))
CART = Ref("Deployment", "cart", "shop")
SERVICE = Ref("Service", "cart", "shop")
NODE = Ref("Node", "n1")


def hits(*refs: Ref, depends_on: tuple[Ref, ...] = ()) -> list[Hit]:
    return [Hit(ref=ref, summary="x", depends_on=depends_on) for ref in refs]


def pod(at: int) -> Ref:
    return Ref("Pod", PODS[at].name, "shop")


def of(name: str, found: list[Hit], *symptom_of: str) -> list[Group]:
    return group(VIEW, check(name, symptom_of=symptom_of), None, found)


def told(folded: list[Folded]) -> dict[str, tuple[int, dict[str, int]]]:
    """By finding: how many hits are its own, and how many of each other check it explains."""
    return {
        f"{item.group.check.id} {item.group.ref.name}": (
            len(item.own),
            dict(Counter({symptom.check.id: len(found) for symptom, found in item.symptoms})),
        )
        for item in folded
    }


def test_nothing_explains_what_names_no_cause() -> None:
    folded = fold([*of("a", hits(pod(0))), *of("b", hits(pod(0)))])
    assert told(folded) == {"a cart": (1, {}), "b cart": (1, {})}


def test_the_same_object() -> None:
    folded = fold([*of("crash", hits(pod(0))), *of("not-ready", hits(pod(0)), "crash")])
    assert told(folded) == {"crash cart": (1, {"not-ready": 1})}


def test_the_same_owner() -> None:
    folded = fold([*of("crash", hits(pod(0))), *of("unavailable", hits(CART), "crash")])
    assert told(folded) == {"crash cart": (1, {"unavailable": 1})}


def test_an_object_that_it_depends_on() -> None:
    folded = fold([*of("node", hits(NODE)), *of("not-ready", hits(pod(0), depends_on=(NODE,)), "node")])
    assert told(folded) == {"node n1": (1, {"not-ready": 1})}


def test_a_check_that_did_not_fire_explains_nothing() -> None:
    assert told(fold(of("not-ready", hits(pod(0)), "crash"))) == {"not-ready cart": (1, {})}


def test_another_object_explains_nothing() -> None:
    folded = fold([*of("node", hits(Ref("Node", "n2"))), *of("not-ready", hits(pod(0), depends_on=(NODE,)), "node")])
    assert set(told(folded)) == {"node n2", "not-ready cart"}


def test_only_the_hits_that_are_explained_are_folded() -> None:
    lost, other = hits(pod(0), depends_on=(NODE,)), hits(pod(1), pod(2), depends_on=(Ref("Node", "n2"),))
    folded = fold([*of("node", hits(NODE)), *of("not-ready", lost + other, "node")])
    assert told(folded) == {"node n1": (1, {"not-ready": 1}), "not-ready cart": (2, {})}


def test_a_chain_folds_into_its_root() -> None:
    """Node, its pods, their Deployment, its Service, and the webhook that the Service answers."""
    folded = fold(
        [
            *of("webhook", hits(Ref("Webhook", "w"), depends_on=(SERVICE,)), "service"),
            *of("service", hits(SERVICE, depends_on=(CART,)), "unavailable"),
            *of("unavailable", hits(CART), "not-ready"),
            *of("not-ready", hits(pod(0), pod(1), depends_on=(NODE,)), "node"),
            *of("node", hits(NODE)),
        ]
    )
    assert told(folded) == {"node n1": (1, {"webhook": 1, "service": 1, "unavailable": 1, "not-ready": 2})}


def test_a_chain_stops_at_what_is_only_partly_explained() -> None:
    lost, other = hits(pod(0), depends_on=(NODE,)), hits(pod(1))
    folded = fold(
        [*of("node", hits(NODE)), *of("not-ready", lost + other, "node"), *of("unavailable", hits(CART), "not-ready")]
    )
    assert told(folded) == {"node n1": (1, {"not-ready": 1}), "not-ready cart": (1, {"unavailable": 1})}


def test_what_explains_most_of_a_link_is_the_root() -> None:
    lost = hits(pod(0), pod(1), depends_on=(Ref("Node", "n2"),))
    folded = fold(
        [
            *of("node", hits(NODE, Ref("Node", "n2"))),
            *of("not-ready", hits(pod(2), depends_on=(NODE,)) + lost, "node"),
            *of("unavailable", hits(CART), "not-ready"),
        ]
    )
    assert told(folded) == {"node n1": (1, {"not-ready": 1}), "node n2": (1, {"not-ready": 2, "unavailable": 1})}


def test_the_closest_cause_wins_then_the_first_named() -> None:
    ready = hits(pod(0), depends_on=(NODE,))
    node, crash, pull = of("node", hits(NODE)), of("crash", hits(pod(0))), of("pull", hits(pod(0)))
    same = fold([*node, *crash, *of("ready", ready, "node", "crash")])
    assert told(same) == {"crash cart": (1, {"ready": 1}), "node n1": (1, {})}
    first = fold([*pull, *crash, *of("ready", ready, "pull", "crash")])
    assert told(first) == {"crash cart": (1, {}), "pull cart": (1, {"ready": 1})}
    owner = fold([*node, *of("crash", hits(pod(1))), *of("ready", ready, "crash", "node")])
    assert told(owner) == {"crash cart": (1, {}), "node n1": (1, {"ready": 1})}


def test_checks_that_explain_each_other_go_in_no_circle() -> None:
    folded = fold([*of("a", hits(pod(0)), "b"), *of("b", hits(pod(0)), "c"), *of("c", hits(pod(0)), "a")])
    assert len(folded) == 1
    assert sum(told(folded)[name][0] for name in told(folded)) == 1


def test_in_a_circle_the_weakest_link_gives_way() -> None:
    """The Service is down because of the Deployment; that a webhook may stop the Deployment is the looser claim."""
    folded = fold(
        [
            *of("unavailable", hits(CART, depends_on=(SERVICE,)), "service"),
            *of("service", [Hit(ref=CART, summary="x")], "unavailable"),
        ]
    )
    assert told(folded) == {"unavailable cart": (1, {"service": 1})}


refs = st.sampled_from([pod(0), pod(1), pod(2), CART, SERVICE, NODE, Ref("Node", "n2"), Ref("Pod", "stray", "shop")])
found = st.lists(
    st.builds(Hit, ref=refs, summary=st.just("x"), depends_on=st.lists(refs, max_size=2).map(tuple)), max_size=5
)
checks = ("a", "b", "c", "d")


@given(
    st.fixed_dictionaries(dict.fromkeys(checks, found)),
    st.fixed_dictionaries({name: st.lists(st.sampled_from(checks), unique=True) for name in checks}),
    st.randoms(use_true_random=False),
)
def test_every_hit_is_somewhere_exactly_once_in_whatever_order(
    by_check: dict[str, list[Hit]], causes: dict[str, list[str]], chance: random.Random
) -> None:
    groups = [one for name in checks for one in of(name, by_check[name], *(c for c in causes[name] if c != name))]
    folded = fold(groups)
    placed = [id(hit) for item in folded for hit in item.own]
    placed += [id(hit) for item in folded for _, symptoms in item.symptoms for hit in symptoms]
    assert sorted(placed) == sorted(id(hit) for one in groups for hit in one.hits)
    assert all(item.own for item in folded), "a finding stands on hits of its own"
    chance.shuffle(groups)
    assert told(fold(groups)) == told(folded)
