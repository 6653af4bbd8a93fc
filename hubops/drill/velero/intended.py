"""What a drill changes on purpose, as the comparison has to know it: whoever builds the restore says it, once.

So nothing is overlooked in silence: a field that is to be changed and is not as intended is a difference, and so is an
object that was to be left out and is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def _as_it_is(_resource: str, item: Mapping[str, Any]) -> Mapping[str, Any]:
    return item


def _nothing(_resource: str) -> str | None:
    return None


@dataclass(frozen=True)
class Intended:
    """Of what the drill restores.

    modified   an object of a resource ("deployments.apps") as Velero's resource modifiers leave it (Modifiers.modified)
    left_out   why objects of a resource are not restored, None where they are (Scope.why_not)
    made       resource and name of what the drill itself puts into each scratch namespace; it has to be there
    """

    modified: Callable[[str, Mapping[str, Any]], Mapping[str, Any]] = _as_it_is
    left_out: Callable[[str], str | None] = _nothing
    made: frozenset[tuple[str, str]] = frozenset()
