from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.clients.kube.pruned import Pruner
from hubops.engine.expressions import ExpressionError, Scope, compile_expression
from hubops.engine.fields import WholeObject, fields_read
from tests.engine.make import NOW


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("object.a.b == 0 && has(object.c.d.e)", {"a.b", "c.d.e"}),
        ("object.a.exists(x, x.b == 'y' && x.c.d != 1)", {"a.b", "a.c.d"}),
        ("object.a.all(x, x == 'y')", {"a"}),
        ("object.a.all(x, true)", {"a"}),
        ("object.a.exists(x, x.b.all(y, y.c == 1) && y.d)", {"a.b.c"}),
        ("object.a.exists(x, x.b.exists(x, x.c)) && object.d.all(x, x.e)", {"a.b.c", "d.e"}),
        ("object.a.filter(x, x.b).all(y, y.c == 1)", {"a"}),
        ("object.a.map(x, x.b)[0].c == 1", {"a.b"}),
        ("object.a[0].b == 1", {"a"}),
        ("object.a['b'].c == 1 || object.d.size() > 1", {"a", "d"}),
        ("object.a.exists(x, x['b'] == 1)", {"a"}),
        ("has(object.a) && object.a.all(x, has(x.b) && x.b.c == 1)", {"a.b.c"}),
        ("has(object.a)", {"a"}),
        ("has(object.a) && object.a.b == 1 && object.a == object.c", {"a", "a.b", "c"}),
        ("(object.a).b == 1 && dyn(object.c).d == 1", {"a", "c"}),
        ("object.metadata.labels['object.x'] == '1'", {"metadata.labels"}),
        ("object . spec\n. replicas == 0 // object.comment", {"spec.replicas"}),
        ("'object.a' == \"object.b\" || r'\\object.c' == '''object.d''' || with.object.e == 1", set()),
        ("[object.a].all(y, y.b == 1)", {"a"}),
        ("object.a.exists(object, object.b) && object.c", {"a.b", "c"}),
    ],
)
def test_the_fields_that_are_read(source: str, paths: set[str]) -> None:
    assert fields_read(source) == paths


@pytest.mark.parametrize("source", ["object == 1", "object['a'].b", "size(object) > 1", "[object].all(x, x.a)"])
def test_the_whole_object_is_refused(source: str) -> None:
    with pytest.raises(WholeObject):
        fields_read(source)


OF_MAPS = (
    "object.a.b == 1",
    "has(object.a) && has(object.a.b)",
    "has(object.a) && has(object.a.b) && object.a.b == 1",
    "'b' in object.a",
    "object.a['b'] == 1",
    "object.a.size() == 1",
    "object.a.all(x, x != 'b')",
    "object.a == object.b",
)
OF_LISTS = (
    "object.a.all(x, x.b == 1)",
    "object.a.all(x, has(x.b) && !has(x.c))",
    "object.a.exists(x, x == 1)",
    "object.a.exists(x, true)",
    "object.a.exists(x, x.b.exists(y, y.c == 1))",
    "object.a.filter(x, has(x.b)).exists(y, has(y.c))",
    "object.a.map(x, x.b).exists(y, y == 1)",
    "object.a.map(x, x.b).exists(y, y[0].c == 1)",
    "object.a[0].c == 1",
    "!has(object.b) || object.b.exists_one(x, x.c == 1)",
)
scalars = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["x", "b"])


def maps(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from("abc"), inner, max_size=3)


def lists(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3)


cases = st.tuples(st.sampled_from(OF_MAPS), maps(scalars | maps(scalars | maps(scalars)))) | st.tuples(
    st.sampled_from(OF_LISTS), maps(scalars | lists(scalars | maps(scalars | lists(scalars | maps(scalars)))))
)


def outcome(source: str, item: dict[str, Any]) -> object:
    try:
        return Scope(NOW, {}).evaluate(compile_expression(source), item)
    except ExpressionError as error:
        return str(error)


@given(cases)
def test_what_is_kept_decides_as_the_whole_object_does(case: tuple[str, dict[str, Any]]) -> None:
    source, item = case
    listed = {"apiVersion": "v1", "kind": "AppList", "metadata": {}, "items": [{**item, "metadata": {"name": "x"}}]}
    (kept,) = Pruner(compile_expression(source).paths).page(msgspec.json.encode(listed), "apps").items
    assert outcome(source, kept) == outcome(source, item)
