"""The stacks that hubops ships, rendered for each of the sites in tests/stack/sites."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hubops import config, content
from hubops.stack import render
from hubops.stack.load import in_order, load
from hubops.stack.render import Rendered
from hubops.stack.site import Site, complete

SITES = ("aws", "gcp", "azure", "none")
STACKS = ("stack.yaml", "stack-current.yaml")


def site_file(name: str) -> Path:
    return Path(__file__).parent / "sites" / f"{name}.yaml"


@functools.cache
def site(name: str) -> Site:
    return complete(config.load(site_file(name), {}), name)


@functools.cache
def rendered(site_name: str, stack_file: str = "stack.yaml") -> dict[str, Rendered]:
    """Every component that the site *site_name* wants, by its name, in the order of installation."""
    folder = content.folder("deploy")
    stack = load(folder / stack_file)
    wanted = set(render.wanted(stack, site(site_name)))
    names = (name for name in in_order(stack) if name in wanted)
    return {name: render.render(stack, folder, site(site_name), name) for name in names}


@functools.cache
def component(site_name: str, name: str, stack_file: str = "stack.yaml") -> Rendered:
    """The component *name* alone: what else the stack holds need not render."""
    folder = content.folder("deploy")
    return render.render(load(folder / stack_file), folder, site(site_name), name)


def objects(site_name: str, kind: str | None = None, stack_file: str = "stack.yaml") -> Iterator[dict[str, Any]]:
    """The objects of all manifests for the site *site_name*, those of *kind* only where one is given."""
    for component in rendered(site_name, stack_file).values():
        yield from (each for each in component.objects() if kind is None or each["kind"] == kind)
