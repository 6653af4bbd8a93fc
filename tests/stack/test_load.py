"""stack.yaml: what hubops ships can be loaded, and what cannot be installed is refused with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubops import content
from hubops.errors import ConfigError
from hubops.stack.load import in_order, load
from tests.stack.rendered import STACKS

HEAD = """
schema: hubops.stack/v1
title: a stack
kubernetes: "1.28"
repositories: {charts: https://charts.example.com}
namespaces: {one: {pod_security: restricted, reason: a test}}
components:
"""


@pytest.mark.parametrize("name", STACKS)
def test_every_component_follows_what_it_needs(name: str) -> None:
    stack = load(content.folder("deploy") / name)
    order = in_order(stack)
    assert sorted(order) == sorted(stack.components)
    for place, component in enumerate(order):
        assert set(stack.components[component].needs) <= set(order[:place])


@pytest.mark.parametrize("name", STACKS)
def test_every_component_has_a_gate_and_something_to_install(name: str) -> None:
    for component in load(content.folder("deploy") / name).components.values():
        assert component.gates
        assert component.chart or component.manifests, component.title


@pytest.mark.parametrize("name", STACKS)
def test_an_optional_component_is_needed_by_its_own_part_only(name: str) -> None:
    components = load(content.folder("deploy") / name).components
    for component in components.values():
        assert {components[need].part for need in component.needs} <= {None, component.part}


#: Components that the newer stack has under another name, because they are something else.
REPLACED = {"promtail": "alloy"}


def test_both_stacks_are_the_same_platform() -> None:
    """The newer stack has every component with the same needs, manifests, gates and generated Secrets."""
    pinned, current = (load(content.folder("deploy") / name) for name in STACKS)
    assert list(current.components) == [REPLACED.get(name, name) for name in pinned.components]
    assert current.namespaces == pinned.namespaces
    for name in pinned.components.keys() - REPLACED:
        for attribute in ("namespace", "needs", "manifests", "gates", "generates", "part"):
            here, there = (getattr(stack.components[name], attribute) for stack in (pinned, current))
            assert here == there, f"{name}: {attribute}"


def test_the_newer_stack_is_what_the_pinned_one_calls_its_successor() -> None:
    pinned, current = (load(content.folder("deploy") / name).components for name in STACKS)
    for name, component in pinned.items():
        if component.chart:
            chart = current[REPLACED.get(name, name)].chart
            assert chart, name
            assert chart.version in (component.successor or ""), name


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ("  a: {title: A, needs: [b]}", r"components\.a\.needs: there is no component 'b'"),
        ("  a: {title: A, needs: [b]}\n  b: {title: B, needs: [a]}", "need each other in a circle: "),
        ("  a: {title: A, manifests: [a/none.yaml]}", r"components\.a: there is no file a/none\.yaml"),
        (
            "  a: {title: A, namespace: one, chart: {repository: other, name: a, version: '1'}}",
            r"components\.a\.chart\.repository: 'other' is not under repositories",
        ),
        (
            "  a: {title: A, chart: {repository: charts, name: a, version: '1'}}",
            r"components\.a\.namespace is missing: a chart needs one",
        ),
        ("  a: {title: A, namespace: two}", r"components\.a\.namespace: 'two' is not under namespaces"),
        ("  a: {title: A, chrat: {}}", r"unknown key 'components\.a\.chrat'; did you mean 'chart'\?"),
        ("  a: {title: A, gates: [luck]}", r"components\.a\.gates\[0\]: 'luck' is not one of "),
        ("  a: {}", r"key 'components\.a\.title' is missing"),
        ("  a: {title: A}\nregistries: {quay.io: Q}", r"registries\.quay\.io: must end in "),
        ('  a: {title: A}\nregistries: {"quay.io:": Q}', r"registries\.quay\.io:: must end in "),
    ],
)
def test_what_cannot_be_installed_is_refused(tmp_path: Path, components: str, message: str) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text(HEAD + components)
    with pytest.raises(ConfigError, match=rf"^{file}: .*{message}"):
        load(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        load(tmp_path / "none.yaml")
