"""The manifests of every stack at every site, object by object, as the text that the user gets."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from hubops import content
from hubops.stack.render import Rendered
from tests.stack.rendered import SITES, STACKS, rendered
from tests.testbed.api import Object

_SEPARATOR = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
_CONTENT = re.compile(r"^[^#\s]", re.MULTILINE)
#: Every stack that is shipped, at every site.
EVERYWHERE = [(stack, site) for stack in STACKS if (content.folder("deploy") / stack).is_file() for site in SITES]


@dataclass(frozen=True)
class Document:
    """One object of a manifest: its text, which still shows duplicate keys, and where that stands."""

    file: str
    text: str
    namespace: str | None  # where it goes when it names none itself
    component: str

    @functools.cached_property
    def object(self) -> Object:
        return dict(yaml.load(self.text, Loader=yaml.CSafeLoader))

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    def __str__(self) -> str:
        return f"{self.file}: {self.kind} {self.name}"


@functools.cache
def documents(stack: str, site: str) -> list[Document]:
    """The objects of all manifests of *stack* for *site*, in the order of installation."""
    return [
        Document(file.path, text, component.component.namespace, component.name)
        for component in rendered(site, stack).values()
        for file in component.manifests
        for text in _SEPARATOR.split(file.text)
        if _CONTENT.search(text)
    ]


def namespaces(stack: str, site: str) -> dict[str, Document]:
    """The Namespaces among them, by name."""
    return {each.name: each for each in documents(stack, site) if each.kind == "Namespace"}


def named(component: Rendered, *keys: str) -> Iterator[str]:
    """Every text under one of *keys* in the values and manifests of *component*: names of what others have to make."""
    yield from _texts([component.chart_values(), *component.objects()], keys)


def _texts(settings: Any, keys: tuple[str, ...]) -> Iterator[str]:
    if isinstance(settings, dict):
        yield from (settings[key] for key in keys if isinstance(settings.get(key), str) and settings[key])
        settings = list(settings.values())
    if isinstance(settings, list):
        for value in settings:
            yield from _texts(value, keys)
