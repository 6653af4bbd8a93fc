"""Credential plugins that are still at work when hubops has had enough: they end with it.

The kubernetes package starts a plugin and keeps the process to itself. What it starts is known by a mark in its
environment, which the children of the plugin inherit: a wrapper script goes together with the login that it waits for.
"""

from __future__ import annotations

import atexit
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_NAME = "STARTED_BY_HUBOPS"
_MARK = secrets.token_hex(16)
_PATIENCE = 1.0  # seconds between asking a plugin to end and ending it

_lock = threading.Lock()
_running = 0


def mark(plugin: dict[str, Any]) -> None:
    """Give *plugin*, the `exec` of a kubeconfig's user, the mark in its environment."""
    others = [item for item in plugin.get("env") or () if item.get("name") != _NAME]
    plugin["env"] = [*others, {"name": _NAME, "value": _MARK}]


@contextmanager
def may_run() -> Iterator[None]:
    """A stretch in which a plugin may be at work."""
    global _running
    with _lock:
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1


@atexit.register
def end() -> None:
    """End the plugins that are at work, and what they started."""
    if not _running:
        return
    give_up = time.monotonic() + _PATIENCE
    while processes := _marked():
        late = time.monotonic() > give_up
        for process in processes:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL if late else signal.SIGTERM)
        if late:
            return
        time.sleep(0.05)


def _marked() -> list[int]:
    """The processes that carry the mark."""
    wanted = f"{_NAME}={_MARK}"
    if sys.platform == "linux":
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if _holds(path, wanted)]
    with suppress(OSError):
        listed = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
        return [int(line.split()[0]) for line in listed.stdout.splitlines() if wanted in line]
    return []


def _holds(path: Path, wanted: str) -> bool:
    try:
        return wanted.encode() in path.read_bytes().split(b"\0")
    except OSError:  # of somebody else, or gone
        return False
