"""What hubops may read, as RBAC rules: everything that its checks ask for, or all but one kind."""

from __future__ import annotations

from typing import Any

from hubops.config import Config
from hubops.engine import catalog
from hubops.engine.needs import needs_of
from hubops.engine.rights import dependents
from hubops.journal.entries import KINDS, map_name
from hubops.model.kube.kinds import BY_PLURAL
from tests.testbed.bed import Testbed

Rule = dict[str, Any]
NEEDS = needs_of(catalog.load().checks, Config())
USED = dependents(catalog.load().of_round("daily"), Config())

#: Checks that decide by any of several kinds, of which a site need not have all; one that is there has to be read.
ANY_OF = {"volumesnapshots.snapshot.storage.k8s.io": {"claim-not-covered"}}


def blind(evidence: str) -> set[str]:
    """The checks of the daily round that cannot decide without a kind, or without prometheus, alertmanager or loki."""
    return {*USED[evidence].unknown, *ANY_OF.get(evidence, ())}


def served(testbed: Testbed) -> list[str]:
    """Those of `kinds` that the daily round reads and the testbed has: no site has the CRDs of every network plugin."""
    groups = {kind.partition(".")[2]: kind for kind in NEEDS.custom if not kind.startswith("raw:")}
    absent = {group for group in groups if not testbed.api.has_group(group)}
    read = (kind for kind in kinds() if kind in USED)
    return [kind for kind in read if kind.startswith("raw:") or kind.partition(".")[2] not in absent]


def kinds() -> list[str]:
    """The kinds that the shipped checks ask for: "pods", "certificates.cert-manager.io"."""
    return [*sorted(NEEDS.kinds), *sorted(NEEDS.custom)]


def rules(*without: str) -> list[Rule]:
    """Reading of all `kinds`, the monitoring by way of the API server and the journal, but for those *without*."""
    others = ["pods/log", "services/proxy"]
    given = [_rule("", name) for name in others if name not in without]
    if "journal" not in without:
        names = [map_name(kind) for kind in KINDS]
        given.append({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": names, "verbs": ["get"]})
    for kind in kinds():
        plural, _, group = kind.removeprefix("raw:").partition(".")
        if kind not in without:
            given.append(_rule(group or BY_PLURAL[plural].group, plural))
    return given


def _rule(group: str, resource: str) -> Rule:
    return {"apiGroups": [group], "resources": [resource], "verbs": ["get", "list"]}
