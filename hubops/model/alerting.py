"""What decides which alerts there are and who hears of them: rules, silences, and Alertmanager's configuration."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec


class Matcher(msgspec.Struct, frozen=True):
    """One condition on a label, as Alertmanager's API v2 has it: `=`, `!=`, `=~` or `!~`."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def __str__(self) -> str:
        sign = ("=" if self.is_equal else "!") + ("~" if self.is_regex else "" if self.is_equal else "=")
        return f'{self.name}{sign}"{self.value}"'


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A silence that hides alerts, or will: expired ones are not kept."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str = ""
    comment: str = ""
    state: str = "active"  # active, pending


class Receiver(msgspec.Struct, frozen=True):
    """Whom Alertmanager tells, and how: names only, for what else stands there may be secret."""

    name: str
    integrations: tuple[str, ...] = ()  # slack, pagerduty, webhook, ...


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One node of the routing tree. An empty receiver is that of the node above."""

    receiver: str = ""
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False  # `continue`
    routes: tuple[Route, ...] = ()


class InhibitRule(msgspec.Struct, frozen=True, kw_only=True):
    """While an alert that `source` matches fires, those that `target` matches with equal labels are hidden."""

    source: tuple[Matcher, ...] = ()
    target: tuple[Matcher, ...] = ()
    equal: tuple[str, ...] = ()


class AlertmanagerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What an Alertmanager says of itself. `cluster` is its state: ready, settling or disabled."""

    version: str = ""
    up_since: datetime | None = None
    cluster: str = ""
    peers: int = 0
    route: Route = Route()
    receivers: tuple[Receiver, ...] = ()
    inhibit_rules: tuple[InhibitRule, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as its last evaluation left it. `annotations` are their names alone."""

    name: str
    type: Literal["alerting", "recording"] = "alerting"
    health: str = "ok"  # ok, err, unknown (not evaluated yet)
    last_error: str = ""
    severity: str = ""
    annotations: tuple[str, ...] = ()


class RuleGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that are evaluated one after the other, every `interval` seconds; the last time took `evaluation_time`."""

    name: str
    file: str = ""
    interval: float = 0.0
    evaluation_time: float = 0.0
    last_evaluation: datetime | None = None
    rules: tuple[Rule, ...] = ()
