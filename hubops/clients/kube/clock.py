"""How far the clock of the API server is ahead of this machine's, as the Date of its answers tells (RFC 9110, 6.6.1).

Ages are counted from a moment of this machine to times that the cluster wrote: a laptop that slept through a suspend
would make every pod look an hour older than it is.
"""

from __future__ import annotations

import statistics
import threading
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: A Date has no parts of a second, and the answer was under way: less than this is no difference.
NOISE = timedelta(seconds=2)
_HALF_A_SECOND = 0.5


class ServerClock:
    """Learns from every answer; may be asked from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first = threading.Event()
        self._ahead: list[float] = []

    def saw(self, date: str | None) -> None:
        """An answer with this Date header has just arrived; one without, or with nonsense in it, teaches nothing."""
        try:
            at = parsedate_to_datetime(date or "")
        except (TypeError, ValueError):
            return
        now = datetime.now(UTC)
        ahead = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds() + _HALF_A_SECOND
        with self._lock:
            self._ahead.append(ahead)
        self._first.set()

    def offset(self, patience: float = 0) -> timedelta:
        """How far the server is ahead, negative when it is behind: the median of its answers, or 0 for less than 2 s.

        Waits up to *patience* seconds for the first answer; 0 where there is none.
        """
        self._first.wait(patience)
        with self._lock:
            ahead = timedelta(seconds=statistics.median(self._ahead)) if self._ahead else timedelta(0)
        return ahead if abs(ahead) > NOISE else timedelta(0)
