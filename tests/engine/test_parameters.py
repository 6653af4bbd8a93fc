from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from hubops.config import CheckSettings
from hubops.engine.parameters import ParameterError, arguments, names_in, parameter_sets, render, same_kind
from hubops.engine.probe import probe
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref
from tests.engine.make import check


@probe(needs=("pods",))
def sample_probe(
    view: View, *, within: timedelta, restarts: int, ratio: float = 0.5, kinds: tuple[str, ...] = (), name: str = ""
) -> Iterator[Hit]:
    """Nothing."""
    yield from ()


def test_thresholds_become_what_the_probe_takes() -> None:
    given = {"within": "1h30m", "restarts": 3, "ratio": 1, "kinds": ["a", "b"], "name": "x"}
    assert arguments(sample_probe, given) == {
        "within": timedelta(minutes=90),
        "restarts": 3,
        "ratio": 1.0,
        "kinds": ("a", "b"),
        "name": "x",
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"within": 15}, "with.within: '15' is not a duration such as 90s"),
        ({"within": "soon"}, "with.within: 'soon' is not a duration"),
        ({"restarts": "3"}, "with.restarts: expected int, got str"),
        ({"restarts": True}, "with.restarts: expected int, got bool"),
        ({"kinds": "a"}, "with.kinds: expected array, got str"),
        ({"name": 3}, "with.name: expected str, got int"),
        ({"restart": 3}, "with.restart: probe sample_probe takes no such parameter; did you mean 'restarts'?"),
        ({"restarts": None}, "with.restarts: expected int, got null"),
    ],
)
def test_an_unusable_threshold_is_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match="^" + message.replace("?", r"\?")):
        arguments(sample_probe, {"within": "5m", "restarts": 1, **changed})


def test_a_threshold_without_a_default_must_be_given() -> None:
    with pytest.raises(ParameterError, match=r"with\.restarts: is missing, and probe sample_probe needs it"):
        arguments(sample_probe, {"within": "5m"})


def test_queries_get_their_thresholds() -> None:
    query = 'a{b=~"x$"} > $ratio and rate(c[$window]) < $ratio_2'
    assert names_in(query) == {"ratio", "window", "ratio_2"}
    assert render(query, {"ratio": 0.85, "window": "15m", "ratio_2": 3}) == 'a{b=~"x$"} > 0.85 and rate(c[15m]) < 3'


@pytest.mark.parametrize(
    ("value", "default", "fits"),
    [
        (1, 0.5, True),
        ("10m", "15m", True),
        ("x", "y", True),
        ("x", "15m", False),
        ("1", 1, False),
        (True, 1, False),
        (["a"], ["b"], True),
        ({}, 1, False),
    ],
)
def test_a_query_keeps_the_kind_of_its_thresholds(value: object, default: object, fits: bool) -> None:
    if fits:
        same_kind("x", value, default)
    else:
        with pytest.raises(ParameterError, match=r"with\.x: expected "):
            same_kind("x", value, default)


def pvc(namespace: str | None) -> Ref:
    return Ref("PersistentVolumeClaim", "data", namespace)


def test_namespaces_with_the_same_thresholds_share_a_set() -> None:
    settings = CheckSettings(
        with_={"ratio": 0.9},
        namespaces={"a": {"ratio": 0.95}, "b": {"ratio": 0.95}, "c": {"ratio": 0.9}, "d": {"ratio": 0.5}},
    )
    sets = parameter_sets(check(with_={"ratio": 0.85, "window": "5m"}), settings)
    assert [dict(one.values) for one in sets] == [
        {"ratio": 0.9, "window": "5m"},
        {"ratio": 0.95, "window": "5m"},
        {"ratio": 0.5, "window": "5m"},
    ]
    judged = {
        name: [one.values["ratio"] for one in sets if one.judges(pvc(name))] for name in ("a", "b", "c", "d", "e")
    }
    assert judged == {"a": [0.95], "b": [0.95], "c": [0.9], "d": [0.5], "e": [0.9]}


def test_what_has_no_namespace_is_judged_by_the_checks_own_thresholds() -> None:
    own, special = parameter_sets(check(with_={"n": 1}), CheckSettings(namespaces={"a": {"n": 2}}))
    assert (own.judges(Ref("Node", "a")), special.judges(Ref("Node", "a"))) == (True, False)
    assert (own.judges(Ref("Namespace", "a")), special.judges(Ref("Namespace", "a"))) == (False, True)
