"""hubops.yaml, HUBOPS_* and flags as one validated structure. docs/configuration.md explains every key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from hubops.config import document
from hubops.config.base import Duration
from hubops.config.explain import explain, takes_text
from hubops.config.structure import Config
from hubops.errors import ConfigError
from hubops.model.quantity import parse_duration

#: Variables that are flags, and no keys of hubops.yaml.
_NO_KEYS = {"HUBOPS_CONFIG", "HUBOPS_CHECKS"}
#: Where hubops.yaml is looked for when neither --config nor HUBOPS_CONFIG names it.
DEFAULT_PATHS = (Path("hubops.yaml"), Path("~/.config/hubops/hubops.yaml"), Path("/etc/hubops/hubops.yaml"))


T = TypeVar("T")


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration from *path*, HUBOPS_CONFIG or the first default path that exists, then HUBOPS_*.

    HUBOPS_PROMETHEUS__URL sets prometheus.url: two underscores separate keys. Raises ConfigError with file and key.
    """
    found = path or find(environ)
    variables = sorted(name for name in environ if name.startswith("HUBOPS_") and name not in _NO_KEYS)
    try:
        return _load(found, {name: environ[name] for name in variables})
    except ConfigError:
        if found and variables:
            _load(found, {})  # where the file by itself is wrong, that is said
        raise


def _load(path: Path | None, variables: Mapping[str, str]) -> Config:
    """The configuration of the file *path* with *variables* over it."""
    data = document.read(path) if path else {}
    for variable, value in variables.items():
        _set(data, variable, value)
    origin = f"environment variable {' or '.join(variables)}" if variables else str(path)
    return convert(data, Config, origin)


def find(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The configuration file that HUBOPS_CONFIG names, or the first default path that exists."""
    if environ.get("HUBOPS_CONFIG"):
        return Path(environ["HUBOPS_CONFIG"])
    return next((item.expanduser() for item in DEFAULT_PATHS if item.expanduser().is_file()), None)


def _set(data: dict[str, Any], variable: str, value: str) -> None:
    """Put the value of HUBOPS_A__B at data["a"]["b"]; it is read as YAML, so that numbers, lists and sections work."""
    *parents, last = variable.removeprefix("HUBOPS_").lower().split("__")
    for key in parents:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise ConfigError(f"environment variable {variable}: {key} is not a section")
    if value and takes_text(Config, ".".join((*parents, last))):
        data[last] = value  # 12 and yes are text there
        return
    try:
        data[last] = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"environment variable {variable}: not YAML: {document.problem(error)}") from error


def convert(data: object, into: type[T], origin: str, prefix: str = "") -> T:
    """*data* as *into*; raises ConfigError that names *origin*, the key and, for a typo, the key that was meant.

    *prefix* is the path of *data* within its file.
    """
    try:
        return _converted(data, into)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{origin}: {explain(error, data, into, prefix, _converted)}") from error


def _converted(data: object, into: type[T]) -> T:
    return msgspec.convert(data, into, dec_hook=_duration)


def _duration(kind: type, value: object) -> object:
    if kind is Duration and isinstance(value, str):
        return Duration(seconds=parse_duration(value).total_seconds())
    raise ValueError("must be a duration such as 90s or 15m")
