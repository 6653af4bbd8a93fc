from __future__ import annotations

import pytest

from hubops.model.logql import fill_labels


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ('{namespace="{namespace}", app="{labels.app}"} |= "error"', '{namespace="shop", app="cart"} |= "error"'),
        ('{app="{gone}"}', '{app=""}'),
        (r"{app=~`\p{Lu}\d{4}`}", r"{app=~`\p{Lu}\d{4}`}"),
    ],
)
def test_labels_are_filled_in(template: str, filled: str) -> None:
    assert fill_labels(template, {"namespace": "shop", "app": "cart"}) == filled


def test_a_value_cannot_leave_its_quotes() -> None:
    hostile = 'a"} or {b="\\\n{namespace}'
    assert fill_labels('{app="{app}"}', {"app": hostile, "namespace": "x"}) == (
        '{app="a\\"} or {b=\\"\\\\\\n{namespace}"}'
    )
