"""A place for what a drill restores: a folder that nobody else may read, and programs that end with hubops.

What a killed drill left is found by the next one: whoever holds the lock knows that every other folder is left over.
The kernel gives the lock back when its holder ends, and ends the holder's programs; so no clock and no guess about a
process decides.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hubops.clients import tether
from hubops.clients.retry import Deadline
from hubops.errors import ConfigError, Locked, Permanent, UsageError
from hubops.model.text import inert, redact

_PREFIX = "run-"
_PROCESSES = "processes"  # "pid start-time", a line for each
_POLL = 0.05  # seconds
_LOG_TAIL = 4096  # bytes of a log in which the reason for an end is looked for


class Program:
    """A program of a drill. `log` is all that it has written."""

    def __init__(self, name: str, child: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._child = child

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def last_words(self) -> str:
        """The last line that it wrote, in one line that shows no credentials."""
        with self.log.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _LOG_TAIL, 0))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
        return redact(inert(lines[-1], limit=300)) if lines else "it said nothing"

    def wait_until(self, ready: Callable[[], bool], deadline: Deadline) -> None:
        """Return once *ready*. Raises Permanent where the program ends before, or the deadline is over."""
        while not ready():
            if not self.running:
                raise Permanent(f"{self.name} ended at once: {self.last_words()}")
            if not deadline.remaining():
                raise Permanent(f"{self.name} did not answer within {deadline.seconds:.0f} s: {self.last_words()}")
            deadline.pause(_POLL)

    def end(self) -> None:
        """End it now: what it holds is thrown away."""
        self._child.kill()
        self._child.wait()


class Scratch:
    """The folder of one drill, and the programs that it started, which keep nothing elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs: list[Program] = []

    def start(self, argv: Sequence[str]) -> Program:
        """Start a program in the folder; its first word is its path. To be called in the thread that goes on longest:
        the program ends with it.
        """
        name = Path(argv[0]).name
        log = self.folder / f"{name}.log"
        with open(log, "wb", opener=_private) as file:
            child = subprocess.Popen(
                [sys.executable, "-I", tether.__file__, str(os.getpid()), *argv],
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, cwd=self.folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder)},
                start_new_session=True,  # ^C reaches hubops alone
                umask=0o077,
            )  # fmt: skip
        with open(self.folder / _PROCESSES, "a", opener=_private) as pids:
            pids.write(f"{child.pid} {_started(child.pid)}\n")
        program = Program(name, child, log)
        self._programs.append(program)
        return program

    def end(self) -> None:
        """End the programs and remove the folder. Raises Permanent where it could not be removed."""
        for program in reversed(self._programs):
            program.end()
        _remove(self.folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def scratch(directory: Path) -> Iterator[Scratch]:
    """A scratch place in *directory*, gone when the block ends; what killed drills left there is removed before.

    Raises Locked while another drill is at work there, ConfigError where nothing can be written there.
    """
    with _alone(directory) as home:
        _sweep(home)
        place = Scratch(Path(tempfile.mkdtemp(prefix=_PREFIX, dir=home)))
        try:
            yield place
        finally:
            place.end()


def clean(directory: Path) -> int:
    """Remove what killed drills left in *directory*, and say how many there were. Raises as `scratch` does."""
    if not (directory / "drill").exists():
        return 0
    with _alone(directory) as home:
        return _sweep(home)


@contextmanager
def _alone(directory: Path) -> Iterator[Path]:
    """The folder of all scratch folders, of which no other drill makes use meanwhile."""
    if sys.platform != "linux":
        raise UsageError("drills of etcd run on Linux, whose kernel ends their programs in any case")
    home = directory / "drill"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
        lock = os.open(home / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        said = f"{home} cannot be used for a drill: {error.strerror}"
        raise ConfigError(f"{said} (backup.directory)") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield home
    except BlockingIOError:
        raise Locked(f"another drill is at work in {home}") from None
    finally:
        os.close(lock)


def _sweep(home: Path) -> int:
    left = [each for each in home.iterdir() if each.name.startswith(_PREFIX)]
    for folder in left:
        for pid, started in _recorded(folder):
            _kill(pid, started)
        _remove(folder)
    return len(left)


def _recorded(folder: Path) -> Iterator[tuple[int, int]]:
    with suppress(FileNotFoundError):
        for line in (folder / _PROCESSES).read_text().splitlines():
            pid, _, started = line.partition(" ")
            if pid.isdigit() and started.isdigit():
                yield int(pid), int(started)


def _started(pid: int) -> int | None:
    """When the kernel started *pid*, in its ticks since boot: a number of a process may be used again, with its start
    it is not. None where it runs no more.
    """
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if after_name[0] in "ZX" else int(after_name[19])


def _kill(pid: int, started: int) -> None:
    """End the process and wait until it is gone."""
    while _started(pid) == started:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        said = f"{folder} could not be removed: {error.strerror}"
        raise Permanent(f"{said}; it holds what was restored, every Secret of the cluster: remove it") from error
