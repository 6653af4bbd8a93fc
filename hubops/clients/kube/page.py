"""A list in pages: each asked for while the one before is decoded, and all from the beginning when they expire."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

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
        following = _Ahead(fetch, page.token)
        items.extend(page.items)
        page = following.result()
    items.extend(page.items)
    return tuple(items)


class _Ahead(Generic[T]):
    """A page that is fetched in a thread of its own: a daemon, so that one that hangs keeps no process alive."""

    def __init__(self, fetch: Callable[[str], Page[T]], token: str) -> None:
        self._outcome: queue.SimpleQueue[Page[T] | BaseException] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(fetch, token), daemon=True).start()

    def _run(self, fetch: Callable[[str], Page[T]], token: str) -> None:
        try:
            self._outcome.put(fetch(token))
        except BaseException as error:  # noqa: BLE001 - handed over whole, and raised again by result
            self._outcome.put(error)

    def result(self) -> Page[T]:
        outcome = self._outcome.get()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome
