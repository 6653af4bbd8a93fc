"""Trying again, with pauses that grow, and never beyond the deadline of the run."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from hubops.errors import Permanent, Retryable

T = TypeVar("T")

ATTEMPTS = 4
FIRST_PAUSE = 0.25  # seconds; doubles with each attempt
LONGEST_PAUSE = 20.0  # seconds; a server that asks for more is not waited for


class OutOfTime(Permanent):
    """The deadline of the run is over."""


class Deadline:
    """The moment by which everything has to be done, on the monotonic clock. Shared by all threads of a run."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds
        self._cancelled = threading.Event()

    def remaining(self) -> float:
        """The seconds that are left, never negative; 0 once cancelled."""
        return 0.0 if self._cancelled.is_set() else max(self._at - time.monotonic(), 0.0)

    def bound(self, timeout: float) -> float:
        """The lesser of *timeout* and what is left of the run, in seconds. Raises OutOfTime when nothing is left."""
        left = self.remaining()
        if left <= 0:
            raise OutOfTime(f"the run's deadline of {self.seconds:g} s was over")
        return min(timeout, left)

    @property
    def cancelled(self) -> bool:
        """Whether it was ended before its time."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """End the run now: pauses end at once and nothing new is begun."""
        self._cancelled.set()

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the deadline or a cancellation."""
        self._cancelled.wait(min(seconds, self.remaining()))


def retrying(
    call: Callable[[float], T],
    *,
    timeout: float,
    deadline: Deadline,
    attempts: int = ATTEMPTS,
    first_pause: float = FIRST_PAUSE,
    patience: float = math.inf,
) -> T:
    """What `call(seconds)` returns; each attempt gets *timeout* seconds, or what is left of the run.

    Only Retryable is tried again, after the pause the server asked for or a growing one, and not once *patience*
    seconds have gone by. Raises the last Retryable, and Permanent at once.
    """
    began = time.monotonic()
    attempt = 0
    while True:
        attempt += 1
        try:
            return call(deadline.bound(timeout))
        except Retryable as error:
            if not deadline.remaining():  # a server that was cut short is not as slow as it looks
                error.args = (f"{error}; the run's deadline of {deadline.seconds:g} s was over",)
            pause = pause_before(attempt, error.retry_after, first_pause)
            longest = min(LONGEST_PAUSE, deadline.remaining(), began + patience - time.monotonic())
            if attempt == attempts or pause > longest:
                raise
            deadline.pause(pause)


def pause_before(attempt: int, retry_after: float | None, first_pause: float = FIRST_PAUSE) -> float:
    """Seconds to wait after the failed *attempt* (1 is the first).

    Half fixed, half random, so that many clients that failed together do not come back together; never less than the
    server asked for.
    """
    if retry_after is not None and retry_after > 0:
        return retry_after + random.uniform(0, first_pause)
    grown: float = min(first_pause * 2 ** (attempt - 1), LONGEST_PAUSE / 2)
    return grown / 2 + random.uniform(0, grown / 2)
