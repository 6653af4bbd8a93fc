"""What is being read right now, on standard error, for a person who waits."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from hubops.deliver.terminal import screen

_ERASE = "\r\x1b[K"


class Progress:
    """Call it with a line of text: the line replaces the one before. Silent when standard error is no terminal.

    As a context manager it takes its line away at the end, whatever happened. It may be called from several threads.
    """

    def __init__(self, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._shown = False
        self._lock = threading.Lock()
        self._silent = not self._stream.isatty() or environ.get("TERM") == "dumb"
        self._room = screen(self._stream, environ).width - 1

    def __call__(self, text: str) -> None:
        """Show *text*, cut to one line. Only its printable ASCII is shown as it is."""
        if self._silent:
            return
        shown = text.encode("ascii", "backslashreplace").decode("ascii")
        line = "".join(character if character.isprintable() else " " for character in shown)[: self._room]
        with self._lock:
            self._stream.write(_ERASE + line)
            self._stream.flush()
            self._shown = True

    def clear(self) -> None:
        """Take the line away; the next call shows one again."""
        with self._lock:
            if self._shown:
                self._stream.write(_ERASE)
                self._stream.flush()
            self._shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
