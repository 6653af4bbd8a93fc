"""Standard output: how wide it is, whether it shows colours, and writing to it when nobody listens any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from hubops.errors import UsageError

DEFAULT_WIDTH = 80
DEFAULT_HEIGHT = 24


@dataclass(frozen=True)
class Screen:
    """What an output can show. `width` is in columns; `unicode` is false where only ASCII arrives intact."""

    width: int
    color: bool
    unicode: bool


def screen(stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> Screen:
    """What *stream* (default: standard output) can show, by itself and by COLUMNS, NO_COLOR, FORCE_COLOR and TERM."""
    out = stream if stream is not None else sys.stdout
    encoding = (getattr(out, "encoding", None) or "ascii").lower().replace("-", "")
    return Screen(width=_width(out, environ), color=_color(out, environ), unicode=encoding.startswith("utf"))


def _width(stream: TextIO, environ: Mapping[str, str]) -> int:
    columns = environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_WIDTH
    except (OSError, ValueError, AttributeError):
        return DEFAULT_WIDTH  # a file, a pipe, or something that only looks like a stream


def _color(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """no-color.org: NO_COLOR with any value wins; FORCE_COLOR is for pipes into a pager that understands colour."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return environ.get("TERM") != "dumb" and stream.isatty()


def height(stream: TextIO | None = None) -> int:
    """The lines that *stream* (default: standard output) shows at once; 24 for what is no terminal."""
    out = stream if stream is not None else sys.stdout
    try:
        return os.get_terminal_size(out.fileno()).lines or DEFAULT_HEIGHT
    except (OSError, ValueError, AttributeError):
        return DEFAULT_HEIGHT


def redraws(stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether *stream* (default: standard output) is a terminal that understands where to write."""
    out = stream if stream is not None else sys.stdout
    return out.isatty() and environ.get("TERM") != "dumb"


def redraw(text: str, stream: TextIO | None = None) -> None:
    """Put *text* in place of what the terminal shows, without a moment in which it shows nothing.

    Raises as `send` does.
    """
    send("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in text.splitlines()) + "\x1b[J", stream)


def send(text: str, stream: TextIO | None = None) -> None:
    """Write *text* to *stream* (default: standard output). What its encoding lacks is written out as \\u2716.

    Raises BrokenPipeError where nobody reads any more, and OSError.
    """
    out = stream if stream is not None else sys.stdout
    encoding = getattr(out, "encoding", None) or "utf-8"
    out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    out.flush()


def write(text: str, stream: TextIO | None = None) -> None:
    """Write *text* to standard output. What its encoding lacks is written out as \\u2716.

    A reader that has gone (`| head`) ends the writing and nothing else: the exit code still tells the verdict.
    Raises UsageError where the text could not be written, such as on a full disk.
    """
    out = stream if stream is not None else sys.stdout
    try:
        send(text, out)
    except BrokenPipeError:
        _silence(out)
    except OSError as error:
        _silence(out)
        raise UsageError(f"cannot write the report to standard output: {error.strerror or error}") from error


def _silence(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not fail on it when it ends."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)
