from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from hubops.deliver.progress import Progress
from hubops.deliver.terminal import Screen, screen, write
from hubops.errors import UsageError


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, int]]:
    """A real terminal: what is written to the first can be read from the second."""
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        yield stream, reader
    os.close(reader)


def test_a_terminal_has_colours_and_its_own_width(terminal: tuple[TextIO, int]) -> None:
    import fcntl
    import struct
    import termios

    stream, reader = terminal
    fcntl.ioctl(reader, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 97, 0, 0))
    assert screen(stream, {"TERM": "xterm-256color"}) == Screen(width=97, color=True, unicode=True)


@pytest.mark.parametrize(
    ("environ", "on_terminal", "in_file"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
    ],
)
def test_colour(environ: dict[str, str], on_terminal: bool, in_file: bool, terminal: tuple[TextIO, int]) -> None:
    assert screen(terminal[0], environ).color is on_terminal
    assert screen(io.StringIO(), environ).color is in_file


@pytest.mark.parametrize(("columns", "width"), [("132", 132), ("0", 80), ("-3", 80), ("wide", 80), ("", 80), ("٣", 80)])
def test_width_without_a_terminal(columns: str, width: int) -> None:
    assert screen(io.StringIO(), {"COLUMNS": columns}).width == width


def test_what_an_encoding_lacks_is_written_out() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    assert not screen(stream, {}).unicode
    write("✖ café\n", stream)
    assert raw.getvalue() == b"\\u2716 caf\\xe9\n"


def test_a_reader_that_has_gone_ends_nothing_but_the_writing() -> None:
    code = "from hubops.deliver.terminal import write\nwrite('x' * 1000000)\nwrite('y')\nraise SystemExit(2)"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_an_error() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as stream, pytest.raises(UsageError, match="No space left"):
        write("x", stream)


def read(descriptor: int) -> str:
    """All that was written: a terminal hands it over in pieces."""
    text = b""
    while select.select([descriptor], [], [], 0.2)[0]:
        text += os.read(descriptor, 100_000)
    return text.decode()


def test_progress_replaces_its_line_and_takes_it_away(terminal: tuple[TextIO, int]) -> None:
    stream, reader = terminal
    with Progress(stream, {"COLUMNS": "20"}) as told:
        told("reading pods")
        told("reading \x1b[31m" + "x" * 50)
    assert read(reader) == "\r\x1b[Kreading pods\r\x1b[Kreading  [31mxxxxxx\r\x1b[K"


def test_progress_is_taken_away_after_an_error(terminal: tuple[TextIO, int]) -> None:
    stream, reader = terminal
    told = Progress(stream, {})

    def fails() -> None:
        with told:
            told("reading")
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert read(reader).endswith("\r\x1b[K")


def test_progress_is_silent_in_a_file_and_on_a_dumb_terminal(terminal: tuple[TextIO, int]) -> None:
    file = io.StringIO()
    with Progress(file, {}) as told:
        told("reading pods")
    assert file.getvalue() == ""
    stream, reader = terminal
    with Progress(stream, {"TERM": "dumb"}) as told:
        told("reading pods")
    stream.write("end")
    stream.flush()
    assert read(reader) == "end"
