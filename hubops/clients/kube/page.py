"""A list in pages: each asked for while the one before is decoded, and all from the beginning when they expire."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Generic, TypeVar

from hubops.clients.kube.ahead import Ahead
from hubops.clients.kube.errors import Expired
from hubops.errors import Retryable

T = TypeVar("T")

#: The server keeps what a continue token refers to for five minutes; a list that expires this often never ends.
BEGINNINGS = 3


class Page(Generic[T]):
    """`token` leads to the next page, empty for the last; `items` may be decoded as they are taken, once."""

    def __init__(self, token: str, items: Iterable[T]) -> None:
        self.token = token
        self.items = items


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
