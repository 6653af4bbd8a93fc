"""Whom Alertmanager would tell of an alert: its routing tree, walked as Alertmanager walks it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hubops.model.alerting import Matcher, Route


def receivers(route: Route, labels: Mapping[str, str], above: str = "") -> list[str]:
    """The receivers of an alert with *labels*, as `amtool config routes test` names them; *above* is inherited."""
    if not all(_matches(each, labels) for each in route.matchers):
        return []
    name = route.receiver or above
    found: list[str] = []
    for child in route.routes:
        inner = receivers(child, labels, name)
        found += inner
        if inner and not child.goes_on:
            break
    return found or [name]


def _matches(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")  # a label that is not there is empty
    same = re.fullmatch(matcher.value, value) is not None if matcher.is_regex else matcher.value == value
    return same is matcher.is_equal
