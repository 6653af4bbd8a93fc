"""What hubops may read, as RBAC rules: everything that its checks ask for, or all but one kind."""

from __future__ import annotations

from typing import Any

from hubops.config import Config
from hubops.engine import catalog
from hubops.engine.needs import needs_of
from hubops.model.kube.kinds import BY_PLURAL

Rule = dict[str, Any]
NEEDS = needs_of(catalog.load().checks, Config())


def kinds() -> list[str]:
    """The kinds that the shipped checks ask for: "pods", "certificates.cert-manager.io"."""
    return [*sorted(NEEDS.kinds), *sorted(NEEDS.custom)]


def rules(*without: str) -> list[Rule]:
    """Reading of all `kinds` and of the monitoring by way of the API server, but for those *without*."""
    others = ["pods/log", "services/proxy"]
    given = [_rule("", name) for name in others if name not in without]
    for kind in kinds():
        plural, _, group = kind.removeprefix("raw:").partition(".")
        if kind not in without:
            given.append(_rule(BY_PLURAL[plural].group if plural in BY_PLURAL else group, plural))
    return given


def _rule(group: str, resource: str) -> Rule:
    return {"apiGroups": [group], "resources": [resource], "verbs": ["get", "list"]}
