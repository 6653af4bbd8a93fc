"""What `hubops schema report` prints: the JSON Schema of hubops.report/v1, made from the model."""

from __future__ import annotations

from typing import Any

import msgspec

from hubops.model.report import SCHEMA, Report

#: What the model knows for people only, and the contract does not promise.
_NOT_IN_CONTRACT = {"CheckResult": {"of"}}
_TIMES = {"taken_at", "at", "since"}
_TIME = {"type": "string", "format": "date-time", "pattern": "Z$"}


def report_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of `--output json`. Every key is always there; later versions of v1 may add keys."""
    _, definitions = msgspec.json.schema_components([Report], ref_template="#/$defs/{name}")
    for name, definition in definitions.items():
        properties = {
            key: _tuned(key, value)
            for key, value in definition["properties"].items()
            if key not in _NOT_IN_CONTRACT.get(name, ())
        }
        definition |= {"properties": properties, "required": sorted(properties)}
    definitions["Report"]["properties"]["schema"] = {"const": SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "$ref": "#/$defs/Report",
        "$defs": definitions,
    }


def _tuned(key: str, value: dict[str, Any]) -> dict[str, Any]:
    """A property without its default, since every key is always there; times as RFC 3339 in UTC."""
    if key in _TIMES:
        return _TIME if value == {"type": "string"} else {"anyOf": [_TIME, {"type": "null"}]}
    return {name: part for name, part in value.items() if name != "default"}
