"""The images that an installation makes nodes pull, and where from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def registries(images: Iterable[str]) -> list[str]:
    """Where *images* are pulled from: the registry and first folder of each, which nodes and mirrors must reach."""
    found = set()
    for image in images:
        path = image.partition("@")[0]
        first, slash, _ = path.partition("/")
        has_host = slash and ("." in first or ":" in first or first == "localhost")
        full = path if has_host else f"docker.io/{path if slash else f'library/{path}'}"
        found.add(full.rpartition("/")[0] + "/")
    return sorted(found)


def images(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The images of all containers anywhere in *objects*."""
    for item in objects:
        yield from _images(item)


def _images(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("containers", "initContainers") and isinstance(inner, list):
                yield from (str(each["image"]) for each in inner if isinstance(each, Mapping) and each.get("image"))
            yield from _images(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _images(inner)
