"""What each of several things at work is waiting for: one live line each on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from hubops.deliver.terminal import redraws, screen
from hubops.model.text import inert

#: Seconds between two drawings on a terminal: who waits sees that time goes on.
_TICK = 1.0


class Steps:
    """Call it with a name and what it is doing. On a terminal the lines of what is not over stay at the bottom, beside
    the time that has gone by.

    As a context manager it leaves its last state standing. It may be called from several threads.
    """

    def __init__(self, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = redraws(self._stream, environ)
        self._width = screen(self._stream, environ).width - 1
        self._lock = threading.Lock()
        self._doing: dict[str, str] = {}
        self._drawn = 0
        self._began = time.monotonic()
        self._left = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="steps", daemon=True)

    def __call__(self, name: str, words: str) -> None:
        """Show that *name* is at *words*."""
        self._show(name, words, over=False)

    def over(self, name: str, words: str) -> None:
        """Show *words* as the last about *name*."""
        self._show(name, words, over=True)

    def _show(self, name: str, words: str, *, over: bool) -> None:
        line = f"{name}: {inert(words, limit=400)}"
        with self._lock:
            if not self._live:
                if over or self._doing.get(name) != line:  # several at work on one thing may wait for the same
                    self._stream.write(f"{self._elapsed()}  {line}\n")
                    self._stream.flush()
                self._doing[name] = line
                return
            self._erase()
            if over:
                self._doing.pop(name, None)
                self._stream.write(f"{self._elapsed()}  {line}"[: self._width] + "\n")
            else:
                self._doing[name] = line
            self._draw()

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes:02d}:{seconds:02d}"

    def _erase(self) -> None:
        self._stream.write("\x1b[1A\x1b[2K" * self._drawn + "\r")
        self._drawn = 0

    def _draw(self) -> None:
        for line in self._doing.values():
            self._stream.write(f"{self._elapsed()}  {line}"[: self._width] + "\n")
        self._drawn = len(self._doing)
        self._stream.flush()

    def _tick(self) -> None:
        while not self._left.wait(_TICK):
            with self._lock:
                self._erase()
                self._draw()

    def __enter__(self) -> Steps:
        if self._live:
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        if self._live:
            self._ticker.join()
        with self._lock:
            self._drawn = 0
