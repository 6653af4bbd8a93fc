"""Where checks/, runbooks/ and deploy/ are: inside the wheel, else beside the code in a source tree."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hubops.errors import HubopsError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: Literal["checks", "runbooks", "deploy"]) -> Path:
    """The folder of what hubops ships under *name*. Raises HubopsError where the installation lacks it."""
    candidates = (_PACKAGE / "_content" / name, _PACKAGE.parent / name)
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise HubopsError(f"this installation of hubops has no {name}/ folder ({candidates[0]}); install it again")
