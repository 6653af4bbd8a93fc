"""Waiting for Velero: looking again and again, for hours where need be, and knowing when nobody is at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from hubops.clients.retry import Deadline
from hubops.errors import ClusterUnreachable, Permanent, Retryable
from hubops.model.quantity import human_duration
from hubops.model.velero import NEW, WAITING, Backup, Restore

T = TypeVar("T")
Say = Callable[[str], None]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 3.0  # seconds between two looks
_SILENCE = 600.0  # seconds that an API server may be away, as while it is upgraded: what it has goes on
_UNNOTICED = 60.0  # seconds after which it is asked whether a server runs at all


def looks(look: Callable[[], T], *, say: Say, deadline: Deadline) -> Iterator[tuple[T, float]]:
    """What *look* gives, again and again, each with the seconds that have gone by since the first.

    Raises OutOfTime once the *deadline* is over, and what *look* raises; where the API server does not answer, only
    after it has not done so for a while.
    """
    began = seen = time.monotonic()
    pause = _FIRST_PAUSE
    while True:
        try:
            found = look()
        except (ClusterUnreachable, Retryable) as error:
            if time.monotonic() - seen > _SILENCE or not deadline.remaining():
                raise
            say(f"waits for the API server: {error}")
        else:
            seen = time.monotonic()
            yield found, seen - began
        deadline.bound(pause)
        deadline.pause(pause)
        pause = min(pause * 1.3, _LONGEST_PAUSE)


class Server:
    """Whether a server is there that begins with what is new. *ask* raises Permanent where none answers."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._next = _UNNOTICED

    def expected(self, phase: str, waited: float) -> None:
        """To be called with each look at what has been waited for. Raises Permanent, without a status."""
        if phase not in NEW or waited < self._next:
            return
        try:
            self._ask()
        except Permanent as error:
            if error.status is None:
                raise
            # It may not be asked: the deadline decides.
        self._next = waited + _UNNOTICED


def doing(found: Backup | Restore, waited: float) -> str:
    """What is under way, in words."""
    phase = found.phase or "New"
    if phase in WAITING:
        position = getattr(found.status, "queue_position", 0)
        after = f", after {position} others" if position else ""
        return f"{phase}{after}: no server has begun with it for {human_duration(timedelta(seconds=waited))}"
    progress = found.status.progress
    return phase + (f": {progress.done:,} of {progress.total_items:,} objects" if progress else "")
