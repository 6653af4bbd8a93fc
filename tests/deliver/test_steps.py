"""The lines of what is at work, on a real terminal and without one."""

from __future__ import annotations

import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fcntl import ioctl
from typing import TextIO

import pytest

from hubops.deliver.steps import Steps
from tests.testbed.process import poll

WIDTH = 40
UP = "\x1b[1A\x1b[2K"


@dataclass
class Terminal:
    """A terminal to write to, and what has come to it."""

    stream: TextIO
    screen: int
    came: str = ""

    def shows(self, words: str) -> None:
        """Wait until *words* have come to it; the kernel passes them on when it likes."""
        poll(lambda: words in self._read(), repr(words))

    def _read(self) -> str:
        with suppress(BlockingIOError):
            self.came += os.read(self.screen, 100_000).decode().replace("\r\n", "\n")
        return self.came


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    screen, device = pty.openpty()
    ioctl(device, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    os.set_blocking(screen, False)
    with os.fdopen(device, "w") as stream:
        yield Terminal(stream, screen)
    os.close(screen)


def test_without_a_terminal_every_line_stays() -> None:
    stream = io.StringIO()
    with Steps(stream, {}) as steps:
        steps("paint", "planning")
        steps("paint", "0 of 2\x1b[2J pods")
        steps.over("paint", "done")
    assert stream.getvalue() == "00:00  paint: planning\n00:00  paint: 0 of 2\\x1b[2J pods\n00:00  paint: done\n"


def test_without_a_terminal_what_several_say_at_once_is_said_once() -> None:
    stream = io.StringIO()
    with Steps(stream, {}) as steps:
        for words in ("waiting for the webhook", "waiting for the webhook", "done", "done"):
            steps("paint", words)
        steps.over("paint", "done")
    assert [line.partition("  ")[2] for line in stream.getvalue().splitlines()] == [
        "paint: waiting for the webhook",
        "paint: done",
        "paint: done",
    ]


def test_on_a_terminal_one_line_each_and_what_is_over_above_them(terminal: Terminal) -> None:
    with Steps(terminal.stream, {"TERM": "xterm"}) as steps:
        steps("paint", "planning")
        terminal.shows("  paint: planning\n")
        steps("shop", "x" * 100)
        terminal.shows("xx\n")
        assert UP in terminal.came, "the line of paint is written anew"
        assert max(map(len, terminal.came.replace(UP, "").splitlines())) == WIDTH - 1, "none breaks: it would stay"
        terminal.came = ""
        steps.over("paint", "done")
        terminal.shows("xx\n")
    first, over, last = terminal.came.partition("  paint: done\n")
    assert UP * 2 in first, "both are taken back"
    assert over
    assert "shop: xx" in last, "what is still at work stands below"


def test_time_goes_on_while_something_is_waited_for(terminal: Terminal) -> None:
    with Steps(terminal.stream, {"TERM": "xterm"}) as steps:
        steps("paint", "0 of 2 pods ready")
        terminal.shows("00:01  paint: 0 of 2 pods ready\n")
