"""A list in pages: each asked for while the one before is decoded, and all from the beginning when they expire."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Generic, TypeVar

from hubops.clients.ahead import Ahead
from hubops.clients.kube.errors import Expired
from hubops.errors import Retryable

T = TypeVar("T")

#: The server keeps what a continue token refers to for five minutes; a list that expires this often never ends.
BEGINNINGS = 3


#: What a page should weigh: several of them are in memory at a time, and there is no telling how large objects are.
PAGE_BYTES = 4 * 2**20
FIRST, FEWEST = 250, 10


class Page(Generic[T]):
    """`token` leads to the next page, empty for the last; the *count* `items` may be decoded as they are taken."""

    def __init__(self, token: str, items: Iterable[T], count: int) -> None:
        self.token = token
        self.items = items
        self.count = count


class PageSize:
    """How many objects to ask for at a time, *most* at most: fewer where they are large, so that memory stays flat."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = min(FIRST, most)

    def learn(self, count: int, size: int) -> None:
        """A page of *count* objects had *size* bytes."""
        if count:
            self.limit = min(max(PAGE_BYTES * count // size, FEWEST), self._most)


def read_all(fetch: Callable[[str], Page[T]]) -> tuple[T, ...]:
    """Every item of a list of which `fetch(token)` gives one page.

    A list that expires on the way is read again from its beginning: never half of an old and half of a new one.
    """
    for _ in range(BEGINNINGS):
        try:
            return _pages(fetch)
        except Expired:
            continue
    raise Retryable("the list expired while it was read, again and again")


def _pages(fetch: Callable[[str], Page[T]]) -> tuple[T, ...]:
    items: list[T] = []
    page = fetch("")
    while page.token:
        following = Ahead(partial(fetch, page.token))
        items.extend(page.items)
        page = following.result()
    items.extend(page.items)
    return tuple(items)
