"""The lines of what is at work, on a real terminal and without one."""

from __future__ import annotations

import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from fcntl import ioctl
from typing import TextIO

import pytest

from hubops.deliver.steps import Steps
from tests.testbed.process import poll

WIDTH = 40
Terminal = tuple[TextIO, int]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal to write to, and what a person sees of it to read from."""
    screen, device = pty.openpty()
    ioctl(device, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    os.set_blocking(screen, False)
    with os.fdopen(device, "w") as stream:
        yield stream, screen
    os.close(screen)


def written(screen: int) -> str:
    try:
        return os.read(screen, 100_000).decode().replace("\r\n", "\n")
    except BlockingIOError:
        return ""


def test_without_a_terminal_every_line_stays() -> None:
    stream = io.StringIO()
    with Steps(stream, {}) as steps:
        steps("paint", "planning")
        steps("paint", "0 of 2\x1b[2J pods")
        steps.over("paint", "done")
    assert stream.getvalue() == "00:00  paint: planning\n00:00  paint: 0 of 2\\x1b[2J pods\n00:00  paint: done\n"


def test_on_a_terminal_one_line_each_and_what_is_over_above_them(terminal: Terminal) -> None:
    stream, screen = terminal
    with Steps(stream, {"TERM": "xterm"}) as steps:
        steps("paint", "planning")
        assert written(screen).endswith("00:00  paint: planning\n")
        steps("shop", "planning " + "x" * 100)
        up_one = "\x1b[1A\x1b[2K"
        *_, paint, shop, _ = written(screen).removeprefix(up_one).split("\n")
        assert paint.endswith("00:00  paint: planning")
        assert len(shop) == WIDTH - 1, "a line that breaks could not be taken back"
        steps.over("paint", "done")
        assert written(screen).startswith(up_one * 2)


def test_time_goes_on_while_something_is_waited_for(terminal: Terminal) -> None:
    stream, screen = terminal
    seen = io.StringIO()

    def next_second() -> bool:
        seen.write(written(screen))
        return "00:01  paint: 0 of 2" in seen.getvalue()

    with Steps(stream, {"TERM": "xterm"}) as steps:
        steps("paint", "0 of 2 pods ready")
        poll(next_second, "the next second", 10)
