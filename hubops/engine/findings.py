"""From groups of hits to the findings of the report: causes with their symptoms, without what is ignored.

An ignore hides a cause and what follows from it, because its reason stands for both: a node that is being repaired may
take its pods with it. It never hides a symptom that is worse than what was ignored; that one is reported by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from hubops.config import Config
from hubops.engine.ignores import Ignores
from hubops.engine.rollup import Group, affected, finding, summary, worse
from hubops.engine.symptoms import Folded, fold
from hubops.engine.view import View
from hubops.model.check import SEVERITIES
from hubops.model.finding import Finding, Hit, Ref, Symptom
from hubops.model.report import Counts, Ignored

Key = tuple[str, str, str, str]


@dataclass
class _Shown:
    """What is to be reported of one group."""

    hits: list[Hit] = field(default_factory=list)
    symptoms: list[tuple[Group, Sequence[Hit]]] = field(default_factory=list)


def conclude(view: View, groups: Sequence[Group], config: Config) -> tuple[tuple[Finding, ...], tuple[Ignored, ...]]:
    """The findings, worst first, and what was ignored. Every hit is in exactly one of them, or in a symptom."""
    ignores = Ignores(view, config.ignores)
    shown: dict[Key, _Shown] = {}
    ignored: set[Ignored] = set()
    pending = list(groups)
    while pending:
        loose: list[Group] = []
        for item in fold(pending):
            loose.extend(_place(item, ignores, shown, ignored))
        pending = loose
    by_key = {item.key: item for item in groups}
    findings = [_finding(view, by_key[key], item, config.team_label) for key, item in shown.items()]
    return ordered(findings), tuple(sorted(ignored, key=lambda one: (one.check, str(one.ref), one.reason)))


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first; then what everyone shares (it has no namespace); then the check that affects most, and within it
    what affects most. What was resolved comes last, and the rest only makes it the same in every run.
    """
    found = tuple(findings)
    weight: Counter[str] = Counter()
    for item in found:
        weight[item.check] += item.affected

    def key(item: Finding) -> tuple[bool, int, bool, int, str, int, Ref]:
        return (
            item.state == "resolved",
            SEVERITIES.index(item.severity),
            item.ref.namespace is not None,
            -weight[item.check],
            item.check,
            -item.affected,
            Ref(item.ref.kind, item.ref.name, item.ref.namespace or ""),
        )

    return tuple(sorted(found, key=key))


def count(findings: Iterable[Finding], unknown: int = 0) -> Counts:
    """How many *findings* there are of each severity, without what was resolved; *unknown* checks beside them."""
    found = Counter(item.severity for item in findings if item.state != "resolved")
    return Counts(critical=found["critical"], warning=found["warning"], info=found["info"], unknown=unknown)


def _place(item: Folded, ignores: Ignores, shown: dict[Key, _Shown], ignored: set[Ignored]) -> list[Group]:
    """Put the hits of *item* among what is shown or ignored; gives the symptoms that lose their cause by it."""
    own, reason = _split(item.group, item.own, ignores, ignored)
    if own:
        shown.setdefault(item.group.key, _Shown()).hits.extend(own)
    loose: list[Group] = []
    for symptom, hits in item.symptoms:
        seen, _ = _split(symptom, hits, ignores, ignored)
        if own and seen:
            shown[item.group.key].symptoms.append((symptom, seen))
        elif seen and worse(symptom.worst(seen), item.group.worst(item.own)):
            loose.append(replace(symptom, hits=tuple(seen)))
        elif seen:
            follows = f"follows from {item.group.check.id} on {item.group.ref}: {reason}"
            ignored.add(Ignored(check=symptom.check.id, ref=symptom.ref, reason=follows))
    return loose


def _split(of: Group, hits: Sequence[Hit], ignores: Ignores, ignored: set[Ignored]) -> tuple[list[Hit], str | None]:
    """Those of *hits* that are to be seen, and why the first of the others is not."""
    seen: list[Hit] = []
    why: str | None = None
    for hit in hits:
        reason = ignores.reason(of.check.id, hit.ref, of.ref)
        if reason is None:
            seen.append(hit)
        else:
            why = why or reason
            ignored.add(Ignored(check=of.check.id, ref=of.ref, reason=reason))
    return seen, why


def _finding(view: View, of: Group, item: _Shown, team_label: str) -> Finding:
    chosen = {id(hit) for hit in item.hits}
    symptoms = [
        Symptom(
            check=symptom.check.id,
            severity=symptom.worst(hits),
            ref=symptom.ref,
            affected=affected(hits),
            summary=summary(hits),
        )
        for symptom, hits in item.symptoms
    ]
    symptoms.sort(key=lambda one: (SEVERITIES.index(one.severity), -one.affected, one.check, str(one.ref)))
    return finding(view, of, [hit for hit in of.hits if id(hit) in chosen], symptoms, team_label)
