"""A YAML file that people wrote: one mapping, each key once. What is wrong is said with line and column.

No line of the file is repeated in a message, because it may hold a secret.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from hubops.errors import ConfigError

_LARGEST = 4 * 1024 * 1024
#: What a message of the YAML parser means for who wrote the file.
_MEANT = {
    "that cannot start any token": "; indent with spaces, not tabs; texts that begin with @ ` or % stand in quotes",
    "mapping values are not allowed": "; a text with ': ' in it stands in quotes",
    "did not find expected": "; is a quote, bracket or comma missing, or a text with '#' or ':' not in quotes?",
    "undefined alias": "; a text that begins with * stands in quotes",
    "a constructor for the tag": "; a text that begins with ! stands in quotes",
    "expected a single document": "; only one document, without a line ---",
}


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C one is ten times faster
    """Refuses a key that is written twice: YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} is written twice", key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        result: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return result


def read(path: Path) -> dict[str, Any]:
    """The mapping in the file *path*; empty for an empty file. Raises ConfigError with file and line."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError(f"{path}: is larger than {_LARGEST >> 20} MiB; these are settings, and no data")
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - it is a safe loader
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not YAML: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: not YAML: nested too deep") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        raise ConfigError(f"{path}: not YAML: {problem(error)}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: the top level must be a mapping of keys, not {type(data).__name__}")
    return data


def problem(error: Exception) -> str:
    """What *error* of the parser says, in one line that quotes nothing of the file but a key that stands twice."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if "written twice" not in said:
        said = re.sub(r" (for the tag )?['\"](?!<|\W['\"])[^'\"]*['\"]", r" \1…" if "tag" in said else " …", said)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    hint = next((hint for part, hint in _MEANT.items() if part in str(error)), "")
    return f"{where}{' '.join(said.split())}{hint}"
