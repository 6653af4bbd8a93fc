"""hubops --watch as a process: changes as they happen, a source and a cluster that go and come, ^C."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.program import COMMAND, Program
from tests.testbed.bed import Testbed
from tests.testbed.faults import matching
from tests.testbed.faults.injected import injected
from tests.testbed.process import poll


class Watcher:
    """A hubops that watches, and the lines that it has written so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def waits_for(self, text: str) -> str:
        """The first line that holds *text*."""
        poll(lambda: any(text in line for line in self.lines), text)
        return next(line for line in self.lines if text in line)

    def ends(self) -> int:
        """The exit code after ^C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(180)


@contextmanager
def watching(hubops: Program, *arguments: str, **environment: str) -> Iterator[Watcher]:
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=hubops.environment(**environment), cwd=hubops.home, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Watcher(process)
    finally:
        process.kill()
        process.wait()


def test_what_comes_and_goes(hubops: Program, testbed: Testbed) -> None:
    """And a Prometheus that is gone for a moment repairs nothing."""
    (fault,) = matching("pod-crash-looping")
    with watching(hubops, "check", "pod-crash-looping", "target-down", "--watch=5s") as watcher:
        assert " round 1 ok: no findings" in watcher.waits_for("round 1")
        with injected(testbed, fault):
            new = watcher.waits_for(" new ")
            assert f"pod-crash-looping {fault.expect.kind} {fault.expect.namespace}/{fault.expect.name}: " in new
            testbed.end_program("prometheus")
            try:
                assert "target-down: cannot look: " in watcher.waits_for(" blind ")
            finally:
                testbed.start_program("prometheus")
            watcher.waits_for(" sees ")
            assert not any(" gone " in line for line in watcher.lines)
        assert "pod-crash-looping" in watcher.waits_for(" gone ")
        poll(lambda: " ok: " in [line for line in watcher.lines if " round " in line][-1], "all is well")
        assert watcher.ends() == 0
    assert (hubops.home / ".local").exists() is False


def test_a_cluster_that_is_not_reached_is_asked_again(hubops: Program, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
        "contexts: [{name: a, context: {cluster: a, user: a}}]\nusers: [{name: a, user: {}}]\n"
        "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\n"
    )
    with watching(hubops, "daily", "--watch=5s", KUBECONFIG=str(path)) as watcher:
        assert "connection refused" in watcher.waits_for("round 1 failed: ")
        assert hubops.kubeconfig is not None
        path.write_bytes(hubops.kubeconfig.read_bytes())
        watcher.waits_for("round 2 ")
        assert watcher.ends() in (0, 1, 2, 3)


def test_an_interrupt_before_there_was_a_round(hubops: Program) -> None:
    with watching(hubops, "daily", "--watch=5s", HUBOPS_KUBERNETES__TIMEOUT="20s") as watcher:
        assert watcher.ends() in (130, -signal.SIGINT)  # the interpreter may not have begun


def test_a_terminal_is_drawn_anew(hubops: Program) -> None:
    leader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 70, 0, 0))
    environment = hubops.environment(TERM="xterm")
    del environment["COLUMNS"]
    process = subprocess.Popen(
        [*COMMAND, "check", "node-not-ready", "--watch", "5s"], env=environment, cwd=hubops.home,
        stdout=terminal, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(terminal)
    written = b""

    def drawn(number: int) -> bool:
        nonlocal written
        while select.select([leader], [], [], 0)[0]:
            written += os.read(leader, 100_000)
        return written.count(b"\x1b[J") >= number

    try:
        poll(lambda: drawn(2), "two rounds")
        process.send_signal(signal.SIGINT)
        assert process.wait(180) == 0
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    screens = [part.partition(b"\x1b[J")[0].decode() for part in written.split(b"\x1b[H")[1:]]
    assert "check every 5 s, round 2, ^C ends" in screens[1]
    assert "no findings" in screens[1]
    assert all(screen.count("\n") <= 19 for screen in screens)


def test_a_reader_that_has_gone_ends_it(hubops: Program) -> None:
    gone = subprocess.run(
        f"{' '.join(COMMAND)} check node-not-ready --watch 5s | head -1", shell=True, capture_output=True, text=True,
        env=hubops.environment(), cwd=hubops.home, timeout=60, check=False,
    )  # fmt: skip
    assert " round 1 ok" in gone.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("daily", "--watch", "1s"), "--watch: 5s is the shortest interval"),
        (("daily", "--watch", "soon"), "'soon' is not a duration"),
        (("daily", "--watch", "--output", "json"), "give json a file"),
        (("daily", "--watch", "--snapshot", "x.gz"), "--snapshot is one moment"),
        (("check", "nothing", "--watch"), "there is no check 'nothing'"),
    ],
)
def test_what_cannot_be_watched(offline: Program, arguments: tuple[str, ...], said: str) -> None:
    done = offline(*arguments)
    assert done.code == 64
    done.only_says(said)
