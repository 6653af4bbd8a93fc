from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from hubops.engine.placeholders import fill, names


def test_names_come_in_their_dotted_form() -> None:
    assert names("{ref} {labels.a} {label[b]} {labels['c/d']} {{not}}") == ("ref", "labels.a", "labels.b", "labels.c/d")


def test_double_braces_are_single_ones() -> None:
    assert fill("{{{x}}} {{x}}", {"x": "1"}.get) == "{1} {x}"


def test_what_is_absent_is_said_to_be() -> None:
    assert fill("on {labels.node}", lambda _: None) == "on (no labels.node)"


@given(st.text())
def test_values_are_data(value: str) -> None:
    """Braces, escapes and placeholders within a value are not looked at."""
    assert fill("<{x}>", {"x": value}.get) == f"<{value}>"


@given(st.text())
def test_any_text_is_a_template(template: str) -> None:
    """Nothing that a person can write makes the filling fail, and what has no braces stays as it is."""
    filled = fill(template, lambda name: name)
    if not set(template) & set("{}"):
        assert filled == template


@given(st.lists(st.text(alphabet=string.ascii_letters, min_size=1), max_size=5))
def test_every_name_is_asked_for_once_in_order(given_names: list[str]) -> None:
    asked: list[str] = []
    fill(" ".join(f"{{{name}}}" for name in given_names), asked.append)
    assert asked == given_names
