"""SIGTERM ends a run as ^C does: by an exception, so that it is recorded and what it made is removed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_keyboard() -> Iterator[None]:
    """Within, SIGTERM raises KeyboardInterrupt; elsewhere than in the main thread nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
