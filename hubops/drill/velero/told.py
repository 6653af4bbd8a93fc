"""A field that differs, in words: with its values where these can hold no secret, bounded and inert."""

from __future__ import annotations

import re
from typing import Any

from hubops.drill.velero.fields import ABSENT, Field
from hubops.model.text import REDACTED, inert, redact

_LIMIT = 80  # characters of a value
#: Fields whose contents are whatever somebody put there.
_FREE = frozenset({"data", "binaryData", "stringData", "annotations", "env", "command", "args", "value"})
#: Resources of which no value is told.
_CLOSED = frozenset({"secrets", "configmaps"})
_SENSITIVE = re.compile(
    r"(?i)passw|pwd|secret|token|credential|private|apikey|api[-_]?key|auth|signature|dsn|conn|uri|url"
)


def told(resource: str, field: Field) -> str:
    """How *field* differs, in one line: "spec.replicas is 1, was 3"."""
    where = inert(str(field), limit=200)
    if field.now is ABSENT:
        return f"{where} is missing"
    if field.was is ABSENT:
        return f"{where} is there, and the backup has none"
    if field.path and field.path[-1] == "[in order]":
        return f"{where.removesuffix('[in order]')} has another order"
    was, now = (_value(resource, field, value) for value in (field.was, field.now))
    return f"{where} differs" if None in (was, now) else f"{where} is {now}, was {was}"


def _value(resource: str, field: Field, value: Any) -> str | None:
    """*value* as it may be shown; None where it may not."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if resource in _CLOSED and field.names[:1] != ("metadata",):
        return None
    if _FREE.intersection(field.names) or any(_SENSITIVE.search(name) for name in field.names):
        return None
    if isinstance(value, str):
        shown = redact(f"{field.names[-1] if field.names else ''}={value}")
        return None if REDACTED in shown else f"{inert(value, limit=_LIMIT)!r}"
    return str(value) if isinstance(value, int | float) else None
