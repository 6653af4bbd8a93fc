"""What one field manager has applied of an object, read back from the object itself.

Server-side apply notes in `managedFields` which fields are whose. Applied again, what is read here changes nothing; and
applied after something else, it brings back what was there before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Manifest = dict[str, Any]


def applied(live: Mapping[str, Any], manager: str) -> Manifest:
    """What *manager* has applied of *live*; nothing but the object's name where it has applied none of it.

    It is in the version of the API that it was applied in, which `applied_version` tells, and *live* must be, too.
    """
    entry = _entry(live, manager)
    found: Manifest = _owned(live, entry["fieldsV1"]) if entry else {}
    metadata = live["metadata"]
    name = {key: metadata[key] for key in ("namespace", "name") if metadata.get(key)}
    kind = {"apiVersion": applied_version(live, manager), "kind": live["kind"]}
    return {**found, **kind, "metadata": {**found.get("metadata", {}), **name}}


def applied_version(live: Mapping[str, Any], manager: str) -> str:
    """The version of the API that *manager* has applied *live* in; that of *live* where it has not."""
    entry = _entry(live, manager)
    return str(entry["apiVersion"] if entry else live["apiVersion"])


def _entry(live: Mapping[str, Any], manager: str) -> Mapping[str, Any] | None:
    entries: list[Mapping[str, Any]] = live["metadata"].get("managedFields") or []
    own = (each for each in entries if each["manager"] == manager and each["operation"] == "Apply")
    return next((each for each in own if not each.get("subresource")), None)


def _owned(value: Any, fields: Mapping[str, Any]) -> Any:
    """The part of *value* that *fields* names, in the format FieldsV1; all of it where they name no part."""
    if isinstance(value, Mapping) and fields:
        named = {key.removeprefix("f:"): inner for key, inner in fields.items() if key.startswith("f:")}
        return {name: _owned(value[name], inner) for name, inner in named.items() if name in value}
    if isinstance(value, list) and fields:
        return list(_owned_items(value, {key: inner for key, inner in fields.items() if key != "."}))
    return value


def _owned_items(items: list[Any], fields: Mapping[str, Any]) -> Iterator[Any]:
    """The *items* that are named by their keys ("k:"), their values ("v:") or their places ("i:")."""
    by_key = [(json.loads(key[2:]), inner) for key, inner in fields.items() if key.startswith("k:")]
    values = [json.loads(key[2:]) for key in fields if key.startswith("v:")]
    places = {int(key[2:]): inner for key, inner in fields.items() if key.startswith("i:")}
    for place, item in enumerate(items):
        if place in places:
            yield _owned(item, places[place])
        elif item in values:
            yield item
        elif isinstance(item, Mapping):
            yield from (
                {**keys, **_owned(item, inner)}
                for keys, inner in by_key
                if all(item.get(name) == value for name, value in keys.items())
            )
