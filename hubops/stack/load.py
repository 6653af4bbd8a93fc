"""Reads stack.yaml and refuses one that cannot be installed: a missing file, an unknown need, a circle."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from hubops.config import convert, document
from hubops.errors import ConfigError
from hubops.stack.structure import Component, Stack

#: What hubops installs where a site says nothing else.
PINNED = "stack.yaml"


def load(path: Path) -> Stack:
    """The stack in the file *path*. Raises ConfigError with file and key."""
    data = document.read(path)
    components = data.get("components")
    for name, component in components.items() if isinstance(components, dict) else ():
        convert(component, Component, str(path), f"components.{name}")  # apart, so that its error names the component
    stack = convert(data, Stack, str(path))
    for problem in _problems(stack, path.parent):
        raise ConfigError(f"{path}: {problem}")
    return stack


def in_order(stack: Stack) -> tuple[str, ...]:
    """The names of the components, each after all that it needs; else in the order of the file."""
    sorter = TopologicalSorter({name: component.needs for name, component in stack.components.items()})
    sorter.prepare()
    order: list[str] = []
    place = {name: index for index, name in enumerate(stack.components)}
    while ready := sorter.get_ready():
        order += sorted(ready, key=place.__getitem__)
        sorter.done(*ready)
    return tuple(order)


def _problems(stack: Stack, folder: Path) -> Iterator[str]:
    for registry in stack.registries:
        if not registry.endswith("/" if "/" not in registry else ("/", ":")):
            yield f"registries.{registry}: must end in '/', a repository in ':', or it also allows others that begin so"
    for name, component in stack.components.items():
        where = f"components.{name}"
        for need in component.needs:
            if need not in stack.components:
                yield f"{where}.needs: there is no component {need!r}"
        if component.chart and component.chart.repository not in stack.repositories:
            yield f"{where}.chart.repository: {component.chart.repository!r} is not under repositories"
        if component.chart and not component.namespace:
            yield f"{where}.namespace is missing: a chart needs one"
        if component.namespace and component.namespace not in (*stack.namespaces, "kube-system"):
            yield f"{where}.namespace: {component.namespace!r} is not under namespaces"
        for file in (*component.values, *component.manifests):
            if not (folder / file).is_file():
                yield f"{where}: there is no file {file}"
    try:
        in_order(stack)
    except CycleError as error:
        yield f"components need each other in a circle: {' → '.join(error.args[1])}"
