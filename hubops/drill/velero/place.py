"""The folder on this machine that holds a backup's tarball while it is read: nobody else may look, and it goes away."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hubops.errors import ConfigError, Locked, Permanent

_PREFIX = "run-"


@contextmanager
def place(directory: Path) -> Iterator[Path]:
    """A new folder (0700) in *directory*, gone when the block ends; what killed drills left there is removed before.

    Raises Locked while another drill is at work there, ConfigError where nothing can be written there, Permanent where
    a folder cannot be removed.
    """
    with _alone(directory) as home:
        _sweep(home)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=home))
        try:
            yield folder
        finally:
            _remove(folder)


def clean(directory: Path) -> int:
    """Remove what killed drills left in *directory*, and say how many there were. Raises as `place` does."""
    if not _home(directory).exists():
        return 0
    with _alone(directory) as home:
        return _sweep(home)


def _home(directory: Path) -> Path:
    return directory / "drill-velero"


@contextmanager
def _alone(directory: Path) -> Iterator[Path]:
    """The folder of all of them, of which no other drill makes use meanwhile: the lock of a dead one is given back."""
    home = _home(directory)
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
        _remove(folder)
    return len(left)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        said = f"{folder} could not be removed: {error.strerror}"
        raise Permanent(f"{said}; it holds a backup's tarball, every Secret in it: remove it") from error
