"""Where checks/, runbooks/, deploy/ and gamedays/ are: inside the wheel, else beside the code in a source tree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hubops.errors import HubopsError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: Literal["checks", "runbooks", "deploy", "gamedays"]) -> Path:
    """The folder of what hubops ships under *name*. Raises HubopsError where the installation lacks it."""
    candidates = (_PACKAGE / "_content" / name, _PACKAGE.parent / name)
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise HubopsError(f"this installation of hubops has no {name}/ folder ({candidates[0]}); install it again")


#: The recorded cluster of `hubops demo`.
DEMO = _PACKAGE / "demo" / "daily.snapshot.gz"


def runbooks(folders: Sequence[Path] = ()) -> dict[str, str]:
    """The runbooks by their id: those that hubops ships, and the <check-id>.md beside the checks in *folders*."""
    paths = (path for where in (folder("runbooks"), *folders) for path in sorted(where.glob("[!_]*.md")))
    return {path.stem: path.read_text(encoding="utf-8") for path in paths}
