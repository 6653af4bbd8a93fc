"""Reading several things at once, and never waiting for them beyond the deadline.

The threads are daemons and hand their results over; nothing they hold is shared. What hangs in a system call is left
behind when the deadline is over, and cannot keep the process alive: concurrent.futures would wait for it at exit.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from hubops.clients.retry import Deadline
from hubops.errors import Permanent, SourceError

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

#: What keeps the deadline itself gets this much longer to say so in its own words, in seconds.
GRACE = 0.5


def gather(
    keys: Iterable[K],
    work: Callable[[K], T],
    *,
    at_once: int,
    deadline: Deadline,
    grace: float = GRACE,
    done: Callable[[int], None] = lambda _count: None,
) -> dict[K, T | SourceError]:
    """For each key what `work(key)` returned or the SourceError it raised, in the order of *keys*.

    What is not finished *grace* seconds after the deadline is a Permanent that says so. `done` is told, in the
    calling thread, how many are finished. Any other exception of *work* is raised here: a bug, or the end of the run.
    """
    ordered = list(dict.fromkeys(keys))
    waiting: queue.SimpleQueue[K] = queue.SimpleQueue()
    for key in ordered:
        waiting.put(key)
    finished: queue.SimpleQueue[tuple[K, T | BaseException]] = queue.SimpleQueue()
    for _ in range(min(at_once, len(ordered))):
        threading.Thread(target=_worker, args=(waiting, finished, work), daemon=True).start()
    results: dict[K, T | SourceError] = {}
    give_up = time.monotonic() + deadline.remaining() + grace
    while len(results) < len(ordered):
        try:
            key, result = finished.get(timeout=max(give_up - time.monotonic(), 0))
        except queue.Empty:
            break
        if isinstance(result, BaseException) and not isinstance(result, SourceError):
            raise result
        results[key] = result
        done(len(results))
    late = Permanent(f"not read within the run's deadline of {deadline.seconds:g} s")
    return {key: results.get(key, late) for key in ordered}


def _worker(
    waiting: queue.SimpleQueue[K], finished: queue.SimpleQueue[tuple[K, T | BaseException]], work: Callable[[K], T]
) -> None:
    while True:
        try:
            key = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            finished.put((key, work(key)))
        except BaseException as error:  # noqa: BLE001 - handed over whole, and raised again by gather
            finished.put((key, error))
