"""hubops.yaml, HUBOPS_* and flags as one validated structure. docs/configuration.md explains every key."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from hubops.config.base import Duration
from hubops.config.platform import ApplicationConfig, SecretRef, TeamConfig
from hubops.config.structure import CheckSettings, Config
from hubops.errors import ConfigError
from hubops.model.quantity import parse_duration

#: Variables that are flags, and no keys of hubops.yaml.
_NO_KEYS = {"HUBOPS_CONFIG", "HUBOPS_CHECKS"}
#: Where hubops.yaml is looked for when neither --config nor HUBOPS_CONFIG names it.
DEFAULT_PATHS = (Path("hubops.yaml"), Path("~/.config/hubops/hubops.yaml"), Path("/etc/hubops/hubops.yaml"))


#: Sections whose keys are names of the site's own.
_NAMED: Mapping[str, type[msgspec.Struct]] = {
    "checks": CheckSettings,
    "platform.teams": TeamConfig,
    "platform.applications": ApplicationConfig,
}

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
    data = _read(path) if path else {}
    for variable, value in variables.items():
        _set(data, variable, value)
    origin = f"environment variable {' or '.join(variables)}" if variables else str(path)
    for section, kind in _NAMED.items():
        for name, entry in _section(data, section).items():
            convert(entry, kind, origin, f"{section}.{name}")  # first and apart, so that its error says which one
    return convert(data, Config, origin)


def _section(data: object, path: str) -> dict[str, Any]:
    """The mapping at the dotted *path* of *data*; empty where there is none."""
    for key in path.split("."):
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def find(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The configuration file that HUBOPS_CONFIG names, or the first default path that exists."""
    if environ.get("HUBOPS_CONFIG"):
        return Path(environ["HUBOPS_CONFIG"])
    return next((item.expanduser() for item in DEFAULT_PATHS if item.expanduser().is_file()), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a date such as 2026-13-01
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: the top level must be a mapping of keys, not {type(data).__name__}")
    return data


def _set(data: dict[str, Any], variable: str, value: str) -> None:
    """Put the value of HUBOPS_A__B at data["a"]["b"]; the value is read as YAML, so that numbers and lists work."""
    *parents, last = variable.removeprefix("HUBOPS_").lower().split("__")
    for key in parents:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise ConfigError(f"environment variable {variable}: {key} is not a section")
    try:
        data[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"environment variable {variable}: not readable as YAML") from error


def convert(data: object, into: type[T], origin: str, prefix: str = "") -> T:
    """*data* as *into*; raises ConfigError that names *origin*, the key and, for a typo, the key that was meant.

    *prefix* is the path of *data* within its file.
    """
    try:
        return msgspec.convert(data, into, dec_hook=_duration)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{origin}: {_explain(str(error), into, prefix)}") from error


def _duration(kind: type, value: object) -> object:
    if kind is Duration and isinstance(value, str):
        return Duration(seconds=parse_duration(value).total_seconds())
    raise ValueError(f"expected a duration such as 90s or 15m, got {value!r}")


def _explain(message: str, into: type, prefix: str) -> str:
    """msgspec's message in the words of the file: the key's path, and a suggestion for an unknown key."""
    where = ""
    if match := re.search(r" - at `(?:key in )?\$\.?(.*?)`$", message):
        where, message = match.group(1), message[: match.start()]
    path = ".".join(part for part in (prefix, where) if part)
    if match := re.match(r"Object contains unknown field `(.+)`", message):
        key = match.group(1)
        return f"unknown key '{f'{path}.' if path else ''}{key}'{_meant(key, into, where)}"
    if match := re.match(r"Object missing required field `(.+)`", message):
        return f"key '{f'{path}.' if path else ''}{match.group(1)}' is missing"
    if match := re.match(r"Invalid enum value (.+)", message):
        return f"{path}: {match.group(1)} is not one of {', '.join(_allowed(into, where))}"
    if message.startswith("Expected `object") and _struct_in(_type_at(into, where)) is SecretRef:
        return f"{path}: a secret is never written here; name the Secret that holds it: {{secret: NAME, key: KEY}}"
    return f"{path or 'top level'}: {message[:1].lower()}{message[1:]}"


def _meant(key: str, into: type, where: str) -> str:
    known = _keys_at(into, where)
    if close := difflib.get_close_matches(key, known, n=1):
        return f"; did you mean '{close[0]}'?"
    return f"; known keys: {', '.join(sorted(known))}" if known else ""


def _keys_at(into: type, where: str) -> list[str]:
    """The keys that are known at the path *where* ("checks[...].with") of the structure *into*."""
    current = _struct_in(_type_at(into, where))
    return [field.encode_name for field in msgspec.structs.fields(current)] if current is not None else []


def _allowed(into: type, where: str) -> list[str]:
    """The values of the Literal at the path *where* of the structure *into*."""
    pending, found = [_type_at(into, where)], []
    while pending:
        annotation = pending.pop()
        found += [annotation] if isinstance(annotation, str) else []
        pending += reversed(getattr(annotation, "__args__", ()))
    return found


def _type_at(into: Any, where: str) -> Any:
    """The annotation at the path *where*, which may be a collection of what is meant."""
    for part in re.findall(r"[^.\[\]]+", where):
        current = _struct_in(into)
        if current is not None and not re.fullmatch(r"\.\.\.|\d+", part):
            into = {field.encode_name: field.type for field in msgspec.structs.fields(current)}.get(part)
    return into


def _struct_in(annotation: Any) -> type[msgspec.Struct] | None:
    """The struct that *annotation* is, or holds: X, X | None, tuple[X, ...], dict[str, X]."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    found = (_struct_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((struct for struct in found if struct is not None), None)
