"""Runs that wait on this machine until the journal can take them."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import msgspec

from hubops.journal.entries import KINDS
from hubops.model.backup import Kind, Unreadable

_SUFFIX = ".json"


class _Kinded(msgspec.Struct, frozen=True):
    kind: Kind


class Spool:
    """A folder with one file for each run, readable by its owner only; made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, name: str, text: str) -> None:
        """Keep *text*, whole or not at all, also when the machine goes down. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".part")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(scratch).replace(self._path(name))
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise

    def waiting(self) -> tuple[dict[Kind, dict[str, str]], tuple[Unreadable, ...]]:
        """The text of each run that waits by its kind and name, and the files that are none."""
        found: dict[Kind, dict[str, str]] = defaultdict(dict)
        unreadable = []
        for path in sorted(self.folder.glob(f"[!.]*{_SUFFIX}")) if self.folder.is_dir() else ():
            try:
                text = path.read_text(encoding="utf-8")
                kind = msgspec.json.decode(text, type=_Kinded).kind
            except FileNotFoundError:
                continue  # another process has just delivered it
            except (OSError, UnicodeError, msgspec.DecodeError, RecursionError) as error:
                unreadable += [Unreadable(kind, str(path), f"it is no record of a run: {error}") for kind in KINDS]
                continue
            found[kind][path.name.removesuffix(_SUFFIX)] = text
        return dict(found), tuple(unreadable)

    def texts(self) -> dict[str, str]:
        """What waits, by its name, whatever it is; what cannot be read is left out."""
        found = {}
        for path in sorted(self.folder.glob(f"[!.]*{_SUFFIX}")) if self.folder.is_dir() else ():
            with suppress(OSError, UnicodeError):
                found[path.name.removesuffix(_SUFFIX)] = path.read_text(encoding="utf-8")
        return found

    def forget(self, name: str) -> None:
        """Remove a run that was delivered; one that stays is delivered again, which changes nothing."""
        with suppress(OSError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_SUFFIX}"
