"""Whether matchers hide an alert, and whether they would hide just any: labels are matched as Alertmanager does it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from hubops.engine.view import View
from hubops.model.alerting import Matcher

#: A value that no site's labels have. Short, so that no expression takes long to fail on it.
_ANY = "zz-any"
#: Fewer kinds of alerts than these may share a label by chance.
_ENOUGH = 3


def any_alert(view: View, severity: str) -> Mapping[str, str]:
    """The labels of an alert of *severity* of which nothing else is known but what all alerts here have in common."""
    labels: defaultdict[str, str] = defaultdict(lambda: _ANY)
    labels.update(common(view), severity=severity)
    return labels


def common(view: View) -> dict[str, str]:
    """The labels that all alerts have with one value: those that Prometheus adds, as `cluster` and `prometheus`."""
    alerts = view.snapshot.alerts
    if len({alert.name for alert in alerts}) < _ENOUGH:
        return {}
    shared = set.intersection(*(set(alert.labels.items()) for alert in alerts))
    return {name: value for name, value in shared if name not in {"alertname", "severity", "namespace"}}


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether all of *matchers* match; a label that is not there is empty, as in Alertmanager."""
    known = labels if isinstance(labels, defaultdict) else defaultdict(str, labels)
    return all(_matches(one, known[one.name]) for one in matchers)


def _matches(matcher: Matcher, value: str) -> bool:
    """Alertmanager anchors expressions at both ends. One that Python cannot read matches nothing."""
    if not matcher.is_regex:
        return (value == matcher.value) == matcher.is_equal
    try:
        return (re.fullmatch(matcher.value, value, re.DOTALL) is not None) == matcher.is_equal
    except (re.error, RecursionError, OverflowError):
        return False
