"""The values hold no key that the chart does not have: Helm would ignore it without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubops.stack.render import Rendered
from tests.stack.rendered import SITES, STACKS, rendered

CHARTS = Path(__file__).parent / "charts"
COMMENTED, UNREAD = (
    yaml.safe_load((CHARTS / f"{name}.yaml").read_text(encoding="utf-8")) for name in ("commented", "unread")
)


def parts(path: str | list[str]) -> list[str]:
    """The keys of *path*, which is a list where one of them has a dot."""
    return path if isinstance(path, list) else path.split(".")


def pin(component: Rendered) -> str:
    """What the files in charts/ call the component's chart."""
    chart = component.component.chart
    assert chart
    return f"{chart.name}-{chart.version}"


def keys_of(component: Rendered) -> Any:
    """The keys of the component's chart."""
    keys = yaml.safe_load((CHARTS / f"{pin(component)}.yaml").read_text(encoding="utf-8"))
    for path in COMMENTED.get(pin(component), {}):
        *parents, last = parts(path)
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


def without(values: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """*values* without what is at *path*, if anything is."""
    first, *rest = path
    kept = {key: value for key, value in values.items() if key != first}
    return kept | {first: without(values[first], rest)} if rest and first in values else kept


def compared(component: Rendered) -> dict[str, Any]:
    """The component's values without what charts/unread.yaml says is not known of its chart."""
    values = component.chart_values()
    for path in UNREAD.get(pin(component), ()):
        values = without(values, parts(path))
    return values


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


def charts(stack: str, site: str) -> list[Rendered]:
    return [each for each in rendered(site, stack).values() if each.component.chart]


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("stack", STACKS)
def test_every_key_is_the_charts_own(stack: str, site: str) -> None:
    known = [each for each in charts(stack, site) if "*" not in UNREAD.get(pin(each), ())]
    assert known
    found = {each.name: list(unknown(compared(each), keys_of(each))) for each in known}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_nothing_is_called_unread_that_is_not() -> None:
    """A chart whose keys are there, or a path that no site gives a value to, does not belong into unread.yaml."""
    used = {pin(each): each for stack in STACKS for site in SITES for each in charts(stack, site)}
    assert {name for name, paths in UNREAD.items() if "*" in paths} == {
        name for name in used if not (CHARTS / f"{name}.yaml").is_file()
    }
    for name, paths in UNREAD.items():
        for path in paths:
            assert path == "*" or any(given(each, parts(path)) for each in every(name)), f"{name}: {path}"


def every(name: str) -> Iterator[Rendered]:
    """The charts that the files call *name*, for every site."""
    yield from (each for stack in STACKS for site in SITES for each in charts(stack, site) if pin(each) == name)


def given(component: Rendered, path: list[str]) -> bool:
    at: Any = component.chart_values()
    for key in path:
        if not isinstance(at, Mapping) or key not in at:
            return False
        at = at[key]
    return True


def test_a_key_that_the_chart_lacks_is_found() -> None:
    keys = {"image": {"tag": None}, "nodeSelector": {}, "replicas": None}
    values = {"image": {"tga": "1"}, "nodeSelector": {"a": "b"}, "replica": 3}
    assert list(unknown(values, keys)) == ["image.tga", "replica"]


def test_what_is_unread_is_left_out_and_nothing_else() -> None:
    values = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    assert without(values, ["a", "c"]) == {"a": {"b": 1}, "e": 3}
    assert without(values, ["e"]) == {"a": {"b": 1, "c": {"d": 2}}}
    assert without(values, ["a", "f"]) == without(values, ["f"]) == values
