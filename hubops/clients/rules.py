"""Prometheus' rule groups as its API answers them, trimmed to what tells whether they work."""

from __future__ import annotations

from datetime import datetime

import msgspec

from hubops.errors import Permanent
from hubops.model.alerting import Rule, RuleGroup


class _Rule(msgspec.Struct, frozen=True, rename="camel"):
    """AlertingRule and RecordingRule of Prometheus' web/api/v1."""

    name: str
    type: str = "alerting"
    health: str = "unknown"
    last_error: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Group(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    file: str = ""
    rules: list[_Rule] | None = None
    interval: float = 0.0
    evaluation_time: float = 0.0
    last_evaluation: datetime | None = None


class _Data(msgspec.Struct, frozen=True):
    groups: list[_Group] | None = None


def groups(data: msgspec.Raw) -> tuple[RuleGroup, ...]:
    """The groups in *data* of an answer. Raises Permanent where it holds none that hubops can read."""
    try:
        found = msgspec.json.decode(data, type=_Data)
    except msgspec.DecodeError as error:
        raise Permanent("Prometheus answered rules that hubops cannot read") from error
    return tuple(_group(item) for item in found.groups or ())


def _group(item: _Group) -> RuleGroup:
    evaluated = item.last_evaluation
    return RuleGroup(
        name=item.name,
        file=item.file,
        interval=item.interval,
        evaluation_time=item.evaluation_time,
        # Go's zero time: never yet.
        last_evaluation=evaluated if evaluated is not None and evaluated.year > 1 and evaluated.tzinfo else None,
        rules=tuple(_rule(rule) for rule in item.rules or ()),
    )


def _rule(item: _Rule) -> Rule:
    return Rule(
        name=item.name,
        type="recording" if item.type == "recording" else "alerting",
        health=item.health,
        last_error=item.last_error,
        severity=(item.labels or {}).get("severity", ""),
        annotations=tuple(sorted(item.annotations or ())),
    )
