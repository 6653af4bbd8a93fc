"""One run of a program that hubops needs: found on PATH, ended in time, and never outliving hubops."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hubops.clients import tether
from hubops.errors import Retryable, UsageError
from hubops.model.text import inert, redact

_GRACE = 5.0  # seconds from SIGTERM to SIGKILL
_SAID = 400  # characters of a complaint that are kept
_VERSION = re.compile(r"version: v?(\d+)\.(\d+)\.(\d+)", re.IGNORECASE)


def find(name: str, needed_for: str, environ: Mapping[str, str] = os.environ) -> str:
    """The path of the program *name*. Raises UsageError where it is not on PATH."""
    found = shutil.which(name, path=environ.get("PATH"))
    if not found:
        raise UsageError(f"{name} is not on PATH; {needed_for}")
    return found


class Running:
    """A program at work. It ends with the thread that started it, also where that is killed."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
        self.name = " ".join([Path(argv[0]).name, *(word for word in argv[1:3] if not word.startswith("-"))])
        self._process = subprocess.Popen(
            [sys.executable, "-I", tether.__file__, str(os.getpid()), *argv],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=dict(environment), cwd=folder, text=True, encoding="utf-8", errors="replace",
            start_new_session=True,  # ^C reaches hubops alone
            umask=0o077,
        )  # fmt: skip

    def result(self, timeout: float) -> tuple[int, str, str]:
        """Its exit code, what it said and what it complained of. Raises Retryable after *timeout* seconds."""
        try:
            said, complained = self._process.communicate(timeout=max(timeout, 0))
        except subprocess.TimeoutExpired:
            raise Retryable(f"{self.name} did not end within {timeout:.0f} s") from None
        finally:
            self.end()
        return self._process.returncode, said, complained

    def end(self) -> None:
        """End it, where it still runs."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                break
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
        for stream in (self._process.stdout, self._process.stderr):
            if stream:
                stream.close()


def version(
    path: str, *arguments: str, oldest: tuple[int, int], environment: Mapping[str, str]
) -> tuple[int, int, int]:
    """The version that the program says it is. Raises UsageError where it is older than *oldest* or does not say."""
    _, said, complained = Running([path, *arguments], environment).result(20)
    match = _VERSION.search(said)
    if not match:
        raise UsageError(f"{path} does not say which version it is: {words(said + complained)}")
    major, minor, patch = (int(part) for part in match.groups())
    if (major, minor) < oldest:
        raise UsageError(f"{path} is {major}.{minor}.{patch}; {oldest[0]}.{oldest[1]} or newer is needed")
    return major, minor, patch


def words(said: str) -> str:
    """*said* on one line that shows no credentials and acts on no terminal."""
    return redact(inert(" ".join(said.split()), limit=_SAID)) or "it said nothing"
