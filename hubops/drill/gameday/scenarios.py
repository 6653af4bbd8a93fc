"""The scenarios that hubops ships, or a site's own: one YAML file each."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hubops import content
from hubops.config import document
from hubops.errors import ConfigError, UsageError
from hubops.model.gameday import Scenario

_SUFFIX = ".yaml"


def scenarios(folder: Path | None = None) -> dict[str, Scenario]:
    """Those in *folder*, by default those of hubops, by the names of their files. Raises ConfigError."""
    where = folder or content.folder("gamedays")
    return {path.stem: _read(path) for path in sorted(where.glob(f"*{_SUFFIX}"))}


def scenario(name: str, folder: Path | None = None) -> Scenario:
    """The scenario of that name. Raises UsageError where there is none."""
    found = scenarios(folder)
    if name not in found:
        raise UsageError(f"there is no scenario {name!r}; there are {', '.join(found) or 'none'}")
    return found[name]


def _read(path: Path) -> Scenario:
    try:
        found = msgspec.convert(document.read(path), Scenario)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    missing = {"loss", "detect", "decide", "restore"} - {step.phase for step in found.steps}
    if missing:
        raise ConfigError(f"{path}: no step of phase {', '.join(sorted(missing))}: nothing could be measured")
    return found
