"""Several requests for the objects of one component at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Of several components each has as many; the API server's own limits per user begin far above.
_AT_ONCE = 6


def at_once(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What *function* makes of each of *items*, in their order. Raises the first thing that it raises."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="objects") as pool:
        return list(pool.map(function, items))
