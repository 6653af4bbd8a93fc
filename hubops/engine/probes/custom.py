"""Custom resources as structs: what their controllers wrote, trimmed to what a probe looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from hubops.engine.probes import evidence
from hubops.engine.view import View

T = TypeVar("T", bound=msgspec.Struct)


def read(view: View, of: type[T], *names: str) -> Iterator[T]:
    """The custom resources of the evidence *names*, as *of*.

    Raises ValueError for those that are not as their definition says, after all others were given: what cannot be
    judged makes the check unknown, and hides nothing.
    """
    unreadable: list[str] = []
    for name in names:
        for item in view.snapshot.custom.get(name, ()):
            try:
                one = msgspec.convert(item, of)
            except msgspec.ValidationError as error:
                unreadable.append(f"{name}: {error}")
                continue
            yield one
    if unreadable:
        raise ValueError(f"{evidence.counted(len(unreadable), 'custom resource')} cannot be read: {unreadable[0]}")


def readable(view: View, of: type[T], name: str) -> Iterator[T]:
    """Those of the evidence *name* that are as their definition says; for what only explains others."""
    for item in view.snapshot.custom.get(name, ()):
        try:
            one = msgspec.convert(item, of)
        except msgspec.ValidationError:
            continue
        yield one
