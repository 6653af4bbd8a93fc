"""What a round has to read: the union of the evidence that its checks need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hubops.config import Config
from hubops.engine import placeholders
from hubops.engine.expressions import compile_expression
from hubops.engine.ignores import IGNORE_EXPIRED
from hubops.engine.parameters import ParameterSet, parameter_sets, render
from hubops.engine.probe import Probe
from hubops.engine.probes import PROBES
from hubops.engine.resources import evidence_of
from hubops.model.check import Check
from hubops.model.kube.kinds import BY_NAME, BY_PLURAL
from hubops.model.snapshot import Needs, Snapshot

#: What leads from an object to its owner and team: roll-up needs it, no decision does.
_ABOVE = {
    "pods": ("replicasets", "jobs", "deployments", "statefulsets", "daemonsets"),
    "replicasets": ("deployments",),
    "jobs": ("cronjobs",),
}
#: Where the owner of a reference is found that is no object itself.
_NAMED_IN = {"Webhook": ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")}
_QUERIES = ("promql:", "logql:")
#: How the reason begins for evidence that nobody asked for.
NOT_READ = "this snapshot holds no"


def enabled(check: Check, config: Config) -> bool:
    """Whether *check* is to run: the site decides, then the check's own file."""
    settings = config.checks.get(check.id)
    return check.enabled if settings is None or settings.enabled is None else settings.enabled


def needs_of(checks: Iterable[Check], config: Config, probes: Mapping[str, Probe] = PROBES) -> Needs:
    """All evidence that the enabled *checks* need or can use, with the thresholds of *config* filled in."""
    names: set[str] = set()
    fields: dict[str, set[str]] = defaultdict(set)
    lines: dict[str, set[str]] = defaultdict(set)
    for check in checks:
        if not enabled(check, config):
            continue
        sets = parameter_sets(check, config.checks.get(check.id))
        names.update(required(check, sets, probes), _useful(check, probes))
        for name, paths in _fields(check, probes).items():
            fields[name] |= paths
        for one in sets if check.lines and check.logql else ():
            lines[render(check.logql or "", one.values)].add(render(check.lines or "", one.values))
    kinds = _with_owners(names & BY_PLURAL.keys())
    return Needs(
        kinds=frozenset(kinds),
        custom={name: frozenset(fields[name]) for name in names if _is_custom(name)},
        promql=frozenset(_queries(names, "promql:")),
        logql=frozenset(_queries(names, "logql:")),
        log_lines={query: frozenset(templates) for query, templates in lines.items()},
        alerts="alerts" in names,
        silences="silences" in names,
        alertmanager_status="alertmanager-status" in names,
        rules="rules" in names,
        hosts="hosts" in names,
        journal="journal" in names,
        container_logs="container-logs" in names,
    )


def required(check: Check, sets: Sequence[ParameterSet], probes: Mapping[str, Probe]) -> tuple[str, ...]:
    """The names of the evidence without which *check* cannot decide, as the snapshot names evidence."""
    if check.probe:
        return probes[check.probe].needs
    if check.cel:
        return (evidence_of(check.kind or "") or "",)
    if check.id == IGNORE_EXPIRED.id:
        return ()
    language, query = ("promql", check.promql) if check.promql else ("logql", check.logql)
    texts = [query] + ([check.examines.query] if check.examines else [])
    return tuple(dict.fromkeys(f"{language}:{render(text, one.values)}" for one in sets for text in texts if text))


def missing(names: Iterable[str], snapshot: Snapshot) -> list[tuple[str, str]]:
    """Which of the evidence *names* the snapshot lacks, and why."""
    # An answer without series is there and empty; one that is not there at all was never given, whatever `read` says.
    answered = {f"promql:{query}" for query in snapshot.metrics} | {f"logql:{query}" for query in snapshot.log_metrics}
    read = {name for name in snapshot.read if name in answered or not name.startswith(_QUERIES)}
    lacking = []
    for name in names:
        if name in snapshot.unread:
            lacking.append((name, snapshot.unread[name]))
        elif name not in read:
            lacking.append((name, f"{NOT_READ} {_plainly(name)}"))
    return lacking


def _useful(check: Check, probes: Mapping[str, Probe]) -> Iterator[str]:
    """Evidence that only enriches: its absence hides nothing."""
    yield "namespaces"  # they carry ignores and teams
    if check.probe:
        yield from probes[check.probe].uses
    kinds = [check.examines.of if check.examines else None, check.kind]
    kinds += [labels.kind for labels in (check.ref, *check.depends_on) if labels]
    for kind in kinds:
        if kind in BY_NAME:
            yield BY_NAME[kind].plural
        yield from _NAMED_IN.get(kind or "", ())


def _fields(check: Check, probes: Mapping[str, Probe]) -> dict[str, frozenset[str]]:
    """The field paths of custom resources, beside their metadata, that *check* reads."""
    if check.probe:
        return {name: frozenset(paths) for name, paths in probes[check.probe].fields.items()}
    if not check.cel:
        return {}
    sources = [check.cel, *([check.since] if check.since else [])]
    paths = frozenset().union(*(compile_expression(source).paths for source in sources))
    said = (name for name in placeholders.names(check.summary or "") if name.startswith("object."))
    return {evidence_of(check.kind or "") or "": paths.union(name.removeprefix("object.") for name in said)}


def _with_owners(kinds: set[str]) -> set[str]:
    """*kinds* and those above them."""
    found = set(kinds)
    waiting = list(kinds)
    while waiting:
        above = set(_ABOVE.get(waiting.pop(), ())) - found
        found |= above
        waiting.extend(above)
    return found


def _queries(names: Iterable[str], language: str) -> Iterator[str]:
    return (name.removeprefix(language) for name in names if name.startswith(language))


def _is_custom(name: str) -> bool:
    return name.startswith("raw:") or (":" not in name and "." in name)


def _plainly(evidence: str) -> str:
    language, _, query = evidence.partition(":")
    if language in {"promql", "logql"}:
        return f"answer to the {language} query {' '.join(query.split()):.200}"
    return query or evidence.replace("-", " ")
