from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.engine.expressions import FUNCTIONS, ExpressionError, Scope, compile_expression
from tests.engine.make import NOW

CERTIFICATE = {
    "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web"}},
    "spec": {"replicas": 0, "paused": None},
    "status": {"notAfter": "2026-03-06T00:00:00Z", "conditions": [{"type": "Ready", "status": "True"}]},
}


def holds(source: str, item: dict[str, Any] = CERTIFICATE, **parameters: Any) -> bool:
    return Scope(NOW, parameters).holds(compile_expression(source), item)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('timestamp(object.status.notAfter) - now < duration("168h")', True),
        ('timestamp(object.status.notAfter) - now < duration("24h")', False),
        ("timestamp(object.status.notAfter) - now < duration(with.within)", True),
        ("has(object.status.renewalTime)", False),
        ("has(object.spec.replicas) && object.spec.replicas == 0", True),
        ('object.status.conditions.exists(c, c.type == "Ready" && c.status == "True")', True),
        ('"app.kubernetes.io/name" in object.metadata.labels', True),
        ("object.spec.paused == null", True),
        ("object.spec.missing == 1 || true", True),
        ("now.getFullYear() == 2026", True),
        ("object.spec.replicas < with.limit", True),
        ("object.spec.replicas > with.ratio", False),
    ],
)
def test_what_holds(source: str, expected: bool) -> None:
    assert holds(source, within="168h", limit=3, ratio=0.5) is expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("object.status.missing == 1", "no such key: missing"),
        ("has(object.nothing.here)", "no such key: nothing"),
        ("object.spec.replicas", "the expression gives 0, not true or false"),
        ("object.metadata.name > 3", "No such overload"),
        ("1 / object.spec.replicas > 1", "division by zero"),
        ("object.status.conditions[7].type == 'x'", "index out of bounds"),
        ("timestamp(object.metadata.name) < now", "timestamp"),
        ("with.nothing > 1", "no such key: nothing"),
    ],
)
def test_what_cannot_be_decided_is_no_silent_false(source: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        holds(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("object.spec.replicas ==", "line 1, column 24: Syntax error"),
        ("object.spec.replicas\n== )", "line 2, column 4: Syntax error"),
        ("object.metadata.name.lowerAscii() == 'x'", "there is no function 'lowerAscii' here"),
        ("objekt.spec.replicas == 1", "there is no variable 'objekt'; known: object, now, with"),
        ("object == 1", "must be followed by a field"),
        ('object["spec"].replicas == 1', "must be followed by a field"),
        ("", "Syntax error"),
    ],
)
def test_what_does_not_compile_says_why(source: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        compile_expression(source)


def test_every_known_function_exists() -> None:
    """A name in the table that the evaluator does not have would pass the compiler and fail at every object."""
    arguments = {"timestamp": "'2026-01-01T00:00:00Z'", "duration": "'1h'", "size": "'x'"}
    for name in sorted(FUNCTIONS):
        calls = [f"{name}({arguments.get(name, '1')})", f"now.{name}()", f"'a'.{name}('a')", f"{name}('a')"]
        assert any(_evaluates(call) for call in calls), name


def _evaluates(source: str) -> bool:
    try:
        Scope(NOW, {}).evaluate(compile_expression(source), {})
    except ExpressionError:
        return False
    return True


def test_values_keep_their_type() -> None:
    scope = Scope(NOW, {})
    assert scope.evaluate(compile_expression("now - duration('1h')"), {}) == NOW - timedelta(hours=1)


@given(st.text(alphabet="object.spec()[]{}'\"\\&|=<>!?:,+-*/%0123 \n", max_size=40) | st.text(max_size=40))
def test_any_text_compiles_or_says_why(source: str) -> None:
    with suppress(ExpressionError):
        assert compile_expression(source).source == source


@pytest.mark.parametrize(
    "source",
    [
        "'example.com/owner' in object.metadata.annotations",
        "object.metadata.annotations['example.com/owner'] == 'me'",
        'has(object.metadata.annotations) && object.metadata.annotations["hubops.io/a"] == "example.com/x"',
        "object.metadata.annotations.owner == 'me'",
        "size(object.metadata.annotations) > 3",
    ],
)
def test_annotations_that_are_never_read_are_refused(source: str) -> None:
    """They are dropped where objects enter: the check would pass without having looked."""
    with pytest.raises(ExpressionError, match="annotations are only read where they are or begin with hubops"):
        compile_expression(source)


def test_annotations_that_are_kept_can_be_asked_for() -> None:
    source = "has(object.metadata.annotations) && 'meta.helm.sh/release-name' in object.metadata.annotations"
    assert compile_expression(source).paths == {"metadata.annotations"}
