"""The values hold no key that the chart does not have: Helm would ignore it without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubops.stack.render import Rendered
from tests.stack.rendered import SITES, rendered

CHARTS = Path(__file__).parent / "charts"
COMMENTED = yaml.safe_load((CHARTS / "commented.yaml").read_text(encoding="utf-8"))


def keys_of(component: Rendered) -> Any:
    """The keys of the component's chart."""
    chart = component.component.chart
    assert chart
    keys = yaml.safe_load((CHARTS / f"{chart.name}-{chart.version}.yaml").read_text(encoding="utf-8"))
    for path in COMMENTED.get(f"{chart.name}-{chart.version}", {}):
        *parents, last = path if isinstance(path, list) else path.split(".")
        at = keys
        for parent in parents:
            at = at[parent]
        if last == "*":
            assert at, f"{path} has no keys of its own"
            at.clear()
        else:
            assert last not in at, f"{path} is an ordinary key"
            at[last] = None
    return keys


def unknown(values: object, keys: object, path: str = "") -> Iterator[str]:
    """The paths in *values* that *keys* does not have."""
    if not isinstance(values, Mapping) or not isinstance(keys, Mapping) or not keys:
        return
    for key, value in values.items():
        here = f"{path}.{key}".removeprefix(".")
        if key not in keys:
            yield here
        else:
            yield from unknown(value, keys[key], here)


@pytest.mark.parametrize("site", SITES)
def test_every_key_is_the_charts_own(site: str) -> None:
    charts = [each for each in rendered(site).values() if each.component.chart]
    found = {each.name: list(unknown(each.chart_values(), keys_of(each))) for each in charts}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_a_key_that_the_chart_lacks_is_found() -> None:
    keys = {"image": {"tag": None}, "nodeSelector": {}, "replicas": None}
    values = {"image": {"tga": "1"}, "nodeSelector": {"a": "b"}, "replica": 3}
    assert list(unknown(values, keys)) == ["image.tga", "replica"]
