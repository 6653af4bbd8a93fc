"""A part of a round on request: of its checks before anything is read, of its findings afterwards.

A namespace or team is never shown as healthy while something above it is broken: what belongs to no namespace (a node,
a volume, the API server) stays, and so does a finding elsewhere that explains one within.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import msgspec

from hubops.engine.catalog import Problem
from hubops.engine.findings import count
from hubops.engine.parameters import meant
from hubops.engine.rollup import team
from hubops.engine.runner import Outcome
from hubops.engine.view import View
from hubops.errors import UsageError
from hubops.model.check import SEVERITIES, Check
from hubops.model.finding import Finding, Ref
from hubops.model.kube.kinds import KINDS
from hubops.model.report import Filter
from hubops.model.snapshot import Snapshot


def chosen(checks: Sequence[Check], patterns: Sequence[str], problems: Iterable[Problem] = ()) -> tuple[Check, ...]:
    """Those of *checks* whose id matches one of *patterns*; all where there is none.

    Raises UsageError for a pattern that matches no check: nothing found by it would look like health.
    """
    ids = [*(check.id for check in checks), *(problem.check for problem in problems)]
    for pattern in patterns:
        if not _matches(pattern, ids):
            raise UsageError(f"--only {pattern}: no check of this round has such an id{meant(pattern, ids)}")
    return tuple(check for check in checks if not patterns or any(fnmatchcase(check.id, item) for item in patterns))


def verify(narrowed: Filter, snapshot: Snapshot, team_label: str) -> None:
    """Raises UsageError for a namespace or team that the cluster does not have: a typo would look like health.

    What the snapshot does not show (namespaces that may not be listed) is not judged.
    """
    if "namespaces" not in snapshot.read:
        return
    known = [item.name for item in snapshot.objects.namespaces]
    for pattern in narrowed.namespaces:
        if not _matches(pattern, known):
            raise UsageError(f"--namespace {pattern}: the cluster has no such namespace{meant(pattern, known)}")
    teams = sorted(set(_teams(snapshot, team_label))) if narrowed.teams else []
    for pattern in narrowed.teams:
        if not _matches(pattern, teams):
            raise UsageError(f"--team {pattern}: nothing has the label {team_label}={pattern}{meant(pattern, teams)}")


def narrow(
    outcome: Outcome, narrowed: Filter | None, snapshot: Snapshot, team_label: str
) -> tuple[Outcome, Filter | None]:
    """*outcome* with the findings that *narrowed* asks for, and *narrowed* with the count of those that are hidden."""
    if narrowed is None:
        return outcome, None
    view = View(snapshot)
    judged = [(item, _is_wanted(item, narrowed, view, team_label)) for item in outcome.findings]
    shown = tuple(item for item, wanted in judged if wanted)
    hidden = count(item for item, wanted in judged if not wanted)
    return replace(outcome, findings=shown), msgspec.structs.replace(narrowed, hidden=hidden)


def _is_wanted(finding: Finding, narrowed: Filter, view: View, team_label: str) -> bool:
    if narrowed.severity and SEVERITIES.index(finding.severity) > SEVERITIES.index(narrowed.severity):
        return False
    if narrowed.namespaces and not any(_within(name, narrowed.namespaces) for name in _namespaces(finding)):
        return False
    return not narrowed.teams or any(_within(name, narrowed.teams) for name in _owners(finding, view, team_label))


def _within(name: str | None, patterns: Iterable[str]) -> bool:
    """Whether *name* is asked for; what has none is everybody's."""
    return name is None or any(fnmatchcase(name, pattern) for pattern in patterns)


def _namespaces(finding: Finding) -> Iterator[str | None]:
    """The namespaces that the finding is about, None for the whole cluster."""
    yield _namespace(finding.ref) or finding.details.get("namespace")
    yield from (_namespace(symptom.ref) for symptom in finding.symptoms)


def _namespace(ref: Ref) -> str | None:
    return ref.name if ref.kind == "Namespace" else ref.namespace


def _owners(finding: Finding, view: View, team_label: str) -> Iterator[str | None]:
    """The teams whose it is, None for the whole cluster; empty text for what has a namespace and no team."""
    yield finding.owner or ("" if next(_namespaces(finding)) else None)
    yield from (team(view, symptom.ref, symptom.ref, team_label) or "" for symptom in finding.symptoms)


def _matches(pattern: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def _teams(snapshot: Snapshot, team_label: str) -> Iterator[str]:
    for kind in KINDS:
        for item in getattr(snapshot.objects, kind.plural):
            if found := item.metadata.labels.get(team_label):
                yield found
