"""A component with a site's settings filled in: the values of its chart and its manifests, as text and as objects."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hubops.errors import ConfigError
from hubops.stack.site import Site
from hubops.stack.structure import Component, Namespace, Stack
from hubops.stack.template import Templates


@dataclass(frozen=True)
class File:
    """One file of deploy/, rendered. A file whose documents are all switched off is empty."""

    path: str
    text: str

    def documents(self) -> list[dict[str, Any]]:
        """The YAML documents of the text, not to be changed. Raises ConfigError where it is none."""
        return list(self._documents)

    @functools.cached_property
    def _documents(self) -> list[dict[str, Any]]:
        try:
            documents = [item for item in yaml.load_all(self.text, Loader=yaml.CSafeLoader) if item is not None]
        except yaml.YAMLError as error:
            raise ConfigError(f"{self.path}: not YAML when rendered: {' '.join(str(error).split())}") from error
        for item in documents:
            if not isinstance(item, dict):
                raise ConfigError(f"{self.path}: a document is {type(item).__name__} and no mapping")
        return documents


@dataclass(frozen=True)
class Rendered:
    name: str
    component: Component
    values: tuple[File, ...]
    manifests: tuple[File, ...]

    def chart_values(self) -> dict[str, Any]:
        """The values of all files, later ones over earlier ones, as Helm merges them."""
        merged: dict[str, Any] = {}
        for file in self.values:
            for document in file.documents():
                merged = _merged(merged, document)
        return merged

    def objects(self) -> Iterator[dict[str, Any]]:
        """The objects of all manifests. Raises ConfigError for a document that is none."""
        for file in self.manifests:
            for item in file.documents():
                if not _is_object(item):
                    raise ConfigError(f"{file.path}: a document lacks apiVersion, kind or metadata.name")
                yield item


def render(stack: Stack, folder: Path, site: Site, name: str) -> Rendered:
    """The component *name* of *stack* for *site*; its files are in *folder*. Raises ConfigError with file and line."""
    component = stack.components[name]
    templates = _templates(folder)
    names: Mapping[str, object] = {
        "site": site,
        "stack": stack,
        "component": component,
        "components": {each: stack.components[each] for each in wanted(stack, site)},
        "namespaces": namespaces(stack, site),
    }

    def rendered(paths: tuple[str, ...]) -> tuple[File, ...]:
        return tuple(File(path, templates.render(path, names)) for path in paths)

    return Rendered(name, component, rendered(component.values), rendered(component.manifests))


def _is_object(item: Mapping[str, Any]) -> bool:
    metadata = item.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return all(isinstance(each, str) and each for each in (item.get("apiVersion"), item.get("kind"), name))


def wanted(stack: Stack, site: Site) -> tuple[str, ...]:
    """The components that *site* wants, in the order of the file: not the optional ones that it does not name, nor what
    its cloud's clusters run already."""
    return tuple(
        name
        for name, each in stack.components.items()
        if (each.part is None or each.part in site.parts) and site.cloud not in each.provided_by
    )


def namespaces(stack: Stack, site: Site) -> dict[str, Namespace]:
    """The namespaces of the platform's own components that *site* wants; its applications' are in the site."""
    return {name: each for name, each in stack.namespaces.items() if each.part is None or each.part in site.parts}


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """*above* over *below*: mappings key by key, everything else replaced."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        result[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result


@functools.cache
def _templates(folder: Path) -> Templates:
    """The templates of *folder*: components share some, and one that is compiled serves every site."""
    return Templates(folder)
