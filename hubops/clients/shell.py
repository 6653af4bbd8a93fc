"""Running one step of a runbook: in a shell of its own, without input, within its time, keeping a bounded output."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Literal

from hubops.errors import UsageError
from hubops.model.step import Answer

#: Bytes that are kept of an output: its head, which says what it is, and its tail, where the newest lines of a log are.
HEAD, TAIL = 2**14, 3 * 2**14
_CHUNK = 2**14
_GRACE = 2.0  # seconds from SIGTERM to SIGKILL


def run(command: str, environment: Mapping[str, str], *, timeout: float) -> Answer:
    """What *command* answers; it gets *timeout* seconds, and ^C ends it instead of hubops.

    Raises UsageError where there is no shell to run it in.
    """
    shell = shutil.which("bash", path=environment.get("PATH")) or "/bin/sh"
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            [shell, "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,  # it ends with all that it started, and ^C reaches hubops alone
        )
    except OSError as error:
        raise UsageError(f"{shell}: {error.strerror or error}") from error
    kept = _Kept()
    ended: Literal["itself", "timeout", "interrupt"] = "itself"
    try:
        _read(process, kept, began + timeout)
    except TimeoutError:
        ended = "timeout"
    except KeyboardInterrupt:
        ended = "interrupt"
    finally:
        _end(process)
    return Answer(
        text=kept.text(),
        code=process.returncode if ended == "itself" else None,
        complained=kept.complained,
        ended=ended,
        seconds=time.monotonic() - began,
    )


class _Kept:
    """The beginning and the end of an output, both streams as they came."""

    def __init__(self) -> None:
        self.complained = False
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        room = HEAD - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room > 0 else data
        excess = max(len(self._tail) - TAIL, 0)
        del self._tail[:excess]
        self._dropped += excess

    def text(self) -> str:
        gap = f"\n[{self._dropped:,} bytes left out]\n".encode() if self._dropped else b""
        return (bytes(self._head) + gap + bytes(self._tail)).decode("utf-8", "replace")


def _read(process: subprocess.Popen[bytes], kept: _Kept, until: float) -> None:
    """Read both streams to their ends and wait for *process*. Raises TimeoutError at the moment *until*."""
    streams: list[IO[bytes]] = [stream for stream in (process.stdout, process.stderr) if stream]
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            left = until - time.monotonic()
            ready = selector.select(max(left, 0))
            if left <= 0:
                raise TimeoutError
            for key, _ in ready:
                data = os.read(key.fd, _CHUNK)
                if not data:
                    selector.unregister(key.fileobj)
                kept.add(data)
                kept.complained |= key.fileobj is process.stderr and bool(data.strip())
    try:
        process.wait(max(until - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End *process* with all that it started; nothing is left to end where it ended by itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
            break
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
