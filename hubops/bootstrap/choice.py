"""Which components of a stack a run is about."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import get_args

import msgspec

from hubops.config.platform import Part
from hubops.errors import UsageError
from hubops.stack.load import in_order
from hubops.stack.render import wanted
from hubops.stack.site import Site
from hubops.stack.structure import Stack


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The flags of a run: components by name, and optional parts beside those of the site."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    start: str | None = None  # --from: this one and all after it
    parts: tuple[str, ...] = ()  # --with


def chosen(stack: Stack, site: Site, choice: Choice) -> tuple[str, ...]:
    """The components in the order of installation. Raises UsageError for a name that the stack does not have."""
    check_names("--only", choice.only, stack.components)
    check_names("--skip", choice.skip, stack.components)
    check_names("--from", [choice.start] if choice.start else [], stack.components)
    check_names("--with", choice.parts, get_args(Part))
    in_site = set(wanted(stack, site)) | {
        name for name, each in stack.components.items() if each.part and each.part in choice.parts
    }
    order = [name for name in in_order(stack) if name in in_site]
    if choice.start:
        if choice.start not in order:
            part = stack.components[choice.start].part
            hint = f"it is optional; add --with {part}" if part else f"a cluster of {site.cloud} runs it already"
            raise UsageError(f"--from {choice.start}: {hint}")
        order = order[order.index(choice.start) :]
    for name in choice.only:
        if name not in order:
            raise UsageError(f"--only {name}: it is not part of this run; is it optional, or before --from?")
    return tuple(name for name in order if name not in choice.skip and (not choice.only or name in choice.only))


def check_names(flag: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise UsageError for the first of *names*, given by *flag*, that is not *known*, with the one it is like."""
    there = list(known)
    for name in names:
        if name not in there:
            close = difflib.get_close_matches(name, there, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(there)}"
            raise UsageError(f"{flag} {name}: there is none of that name; {hint}")
