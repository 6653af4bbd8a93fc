"""What the checks need leave for: from their evidence to RBAC, and back to the checks that are blind without it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import get_args

from hubops.config import Config
from hubops.engine.needs import enabled, needs_of, required
from hubops.engine.parameters import parameter_sets
from hubops.engine.probe import Probe
from hubops.engine.probes import PROBES
from hubops.model.backup import Kind
from hubops.model.check import Check
from hubops.model.diagnosis import Dependents, Right
from hubops.model.kube.kinds import BY_PLURAL
from hubops.model.snapshot import Needs

#: Which source gives the evidence that is no object of the cluster.
_SOURCES = {
    "promql": "prometheus", "rules": "prometheus", "logql": "loki",
    "alerts": "alertmanager", "silences": "alertmanager", "alertmanager-status": "alertmanager",
}  # fmt: skip
CONTAINER_LOGS = Right(verb="get", resource="pods/log")
#: The journal is two ConfigMaps, which are named: no other is hubops' business.
JOURNAL = tuple(
    Right(verb="get", resource="configmaps", namespace="hubops", name=f"journal-{kind}") for kind in get_args(Kind)
)
SERVICES = Right(verb="list", resource="services")

#: The Service of each source that is reached through the API server, as namespace and "name:port"; None where it is
#: not found. A source that is reached in another way, or is switched off, is not in it.
Ways = Mapping[str, tuple[str, str] | None]


def dependents(checks: Iterable[Check], config: Config, probes: Mapping[str, Probe] = PROBES) -> dict[str, Dependents]:
    """The enabled *checks* by the evidence that they use: the names of evidence, and of sources instead of queries."""
    unknown: dict[str, set[str]] = defaultdict(set)
    less: dict[str, set[str]] = defaultdict(set)
    for check in checks:
        if not enabled(check, config):
            continue
        needed = required(check, parameter_sets(check, config.checks.get(check.id)), probes)
        for name in needed:
            unknown[_plain(name)].add(check.id)
        for name in _evidence(needs_of((check,), config, probes)):
            less[_plain(name)].add(check.id)
    return {
        name: Dependents(unknown=tuple(sorted(unknown[name])), less=tuple(sorted(less[name] - unknown[name])))
        for name in sorted(unknown.keys() | less.keys())
    }


def rights(used: Mapping[str, Dependents], ways: Ways, not_served: Set[str] = frozenset()) -> dict[Right, Dependents]:
    """What has to be allowed for the evidence *used*, and which checks use it. What is *not_served* needs no leave."""
    found: dict[Right, list[Dependents]] = defaultdict(list)
    for name, checks in used.items():
        if name in ("prometheus", "alertmanager", "loki"):
            for right in _to_reach(name, ways):
                found[right].append(checks)
        elif name == "container-logs":
            found[CONTAINER_LOGS].append(checks)
        elif name == "journal":
            for right in JOURNAL:
                found[right].append(checks)
        elif name not in not_served and name != "hosts":  # those are no objects of the cluster
            found[_to_list(name)].append(checks)
    return {right: _together(found[right]) for right in sorted(found)}


def _evidence(needs: Needs) -> Iterator[str]:
    yield from (*needs.kinds, *needs.custom)
    flags = {
        "promql": needs.promql, "rules": needs.rules, "logql": needs.logql, "alerts": needs.alerts,
        "silences": needs.silences, "alertmanager-status": needs.alertmanager_status,
        "container-logs": needs.container_logs, "journal": needs.journal,
    }  # fmt: skip
    yield from (name for name, wanted in flags.items() if wanted)


def _plain(evidence: str) -> str:
    """The source that a piece of evidence comes from, or its own name for an object."""
    return _SOURCES.get(evidence.partition(":")[0], evidence)


def _to_reach(source: str, ways: Ways) -> list[Right]:
    """What the way to *source* through the API server needs: its Service is looked for, then asked."""
    if source not in ways:
        return []
    namespace, name = ways[source] or ("", "")
    return [SERVICES, Right(verb="get", resource="services/proxy", namespace=namespace, name=name)]


def _to_list(evidence: str) -> Right:
    plural, _, group = evidence.removeprefix("raw:").partition(".")
    kind = BY_PLURAL.get(plural) if evidence.startswith("raw:") or not group else None
    return Right(verb="list", resource=plural, group=kind.group if kind else group)


def _together(parts: Sequence[Dependents]) -> Dependents:
    unknown = {check for part in parts for check in part.unknown}
    less = {check for part in parts for check in part.less}
    return Dependents(unknown=tuple(sorted(unknown)), less=tuple(sorted(less - unknown)))


def rules(lacking: Iterable[Right]) -> str:
    """The rules of a ClusterRole that grant exactly *lacking*, as YAML; empty for none.

    Rights of one group and verb share a rule; a Service that is asked through the API server is named.
    """
    resources: dict[tuple[str, str, tuple[str, ...]], set[str]] = defaultdict(set)
    names: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for right in lacking:
        if right.name:
            names[right.group, right.verb, right.resource].add(right.name)
        else:
            resources[right.group, right.verb, ()].add(right.resource)
    for (group, verb, resource), named in names.items():
        if resource not in resources.get((group, verb, ()), ()):
            resources[group, verb, tuple(sorted(named))].add(resource)
    lines = [line for key in sorted(resources) for line in _rule(*key, sorted(resources[key]))]
    return "\n".join(["rules:", *lines]) + "\n" if lines else ""


def _rule(group: str, verb: str, named: Sequence[str], resources: Sequence[str]) -> Iterator[str]:
    yield f'  - apiGroups: ["{group}"]'
    yield "    resources:"
    yield from (f"      - {resource}" for resource in resources)
    if named:
        yield "    resourceNames:"
        yield from (f'      - "{name}"' for name in named)
    yield f"    verbs: [{verb}]"
