"""Something that is done in a thread of its own while this one does something else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """*work* begins at once. The thread is a daemon: what hangs in it keeps no process alive."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._outcome: queue.SimpleQueue[Callable[[], T]] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            value = work()
            self._outcome.put(lambda: value)
        except BaseException as error:  # noqa: BLE001 - handed over whole, and raised again by result
            self._outcome.put(partial(_raise, error))

    def result(self, timeout: float | None = None) -> T:
        """What *work* returned, or raises what it raised; TimeoutError after *timeout* seconds."""
        try:
            outcome = self._outcome.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None
        return outcome()


def _raise(error: BaseException) -> NoReturn:
    raise error
