"""From hits to what one person would fix: 400 pods of one Deployment are one finding with a count and examples."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import msgspec

from hubops.engine.view import View
from hubops.model.check import SEVERITIES, Check, Severity
from hubops.model.finding import Evidence, Finding, Hit, Ref, Symptom
from hubops.model.text import inert, redact

#: How much one finding shows of what it stands for.
EXAMPLES = 3
EVIDENCE = 6
_TEXT = 500
_RANK = {severity: rank for rank, severity in enumerate(SEVERITIES)}


def worst(severities: Iterable[Severity]) -> Severity:
    """The worst of *severities*, of which there is at least one."""
    return min(severities, key=_RANK.__getitem__)


def worse(one: Severity, other: Severity) -> bool:
    """Whether *one* is worse than *other*."""
    return _RANK[one] < _RANK[other]


@dataclass(frozen=True, eq=False)
class Group:
    """The hits of one check on what belongs to one owner, worst first."""

    check: Check
    severity: Callable[[Hit], Severity]
    ref: Ref
    hits: tuple[Hit, ...]

    @cached_property
    def refs(self) -> frozenset[Ref]:
        """The owner and every object that was hit."""
        return frozenset({self.ref, *(hit.ref for hit in self.hits)})

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What orders groups, and tells them apart."""
        return self.check.id, self.ref.kind, self.ref.namespace or "", self.ref.name

    def worst(self, hits: Sequence[Hit]) -> Severity:
        return worst(self.severity(hit) for hit in hits)


def group(view: View, check: Check, site_severity: Severity | None, hits: Iterable[Hit]) -> list[Group]:
    """*hits* of *check* by owner. What the site says of the severity holds for every hit, else what the probe says."""
    by_owner: dict[Ref, list[Hit]] = defaultdict(list)
    owners: dict[Ref, Ref] = {}
    for hit in hits:
        owner = owners.get(hit.ref)
        if owner is None:
            owner = owners[hit.ref] = view.owner_of(hit.ref)
        by_owner[owner].append(hit)

    def severity(hit: Hit) -> Severity:
        return site_severity or hit.severity or check.severity

    def order(hit: Hit) -> tuple[int, float, tuple[str, str, str], str, str, list[str]]:
        value = hit.value.number if hit.value else 0.0
        said = [item.text for item in hit.evidence]
        return _RANK[severity(hit)], -value, _sortable(hit.ref), hit.example or "", hit.summary, said

    return [
        Group(check, severity, ref, tuple(sorted(by_owner[ref], key=order))) for ref in sorted(by_owner, key=_sortable)
    ]


def _sortable(ref: Ref) -> tuple[str, str, str]:
    return ref.kind, ref.namespace or "", ref.name


def finding(view: View, of: Group, hits: Sequence[Hit], symptoms: Sequence[Symptom], team_label: str) -> Finding:
    """*hits* of the group as one finding, at least as severe as the *symptoms* that it explains."""
    first = hits[0]
    severities = [of.severity(hit) for hit in hits] + [symptom.severity for symptom in symptoms]
    since: list[datetime] = [hit.since for hit in hits if hit.since is not None]
    return Finding(
        check=of.check.id,
        severity=worst(severities),
        ref=of.ref,
        affected=affected(hits),
        examples=_examples(of.ref, hits),
        summary=summary(hits),
        evidence=_evidence(hits),
        value=first.value,
        since=min(since, default=None),
        owner=team(view, of.ref, first.ref, team_label),
        runbook=of.check.id,
        fingerprint=fingerprint(of.check.id, view.snapshot.cluster, of.ref),
        details=_details(of.ref, first),
        symptoms=tuple(symptoms),
    )


def affected(hits: Iterable[Hit]) -> int:
    """How many objects, or named instances of one object, were hit."""
    return len({(hit.ref, hit.example) for hit in hits})


def summary(hits: Sequence[Hit]) -> str:
    """The summary that most of *hits* share; between equals that of the worst."""
    return inert(redact(Counter(hit.summary for hit in hits).most_common(1)[0][0]), limit=_TEXT)


def fingerprint(check: str, cluster: str, ref: Ref) -> str:
    """The same for the same check, cluster and object in every run: 16 hexadecimal digits of a SHA-256."""
    # No name in Kubernetes holds a NUL, so that no two triples are the same text.
    text = "\0".join((check, cluster, ref.kind, ref.namespace or "", ref.name))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _examples(owner: Ref, hits: Sequence[Hit]) -> tuple[str, ...]:
    """The names of the first affected, none where the owner itself is all there is."""
    names = dict.fromkeys(hit.example or hit.ref.name for hit in hits if hit.example or hit.ref != owner)
    return tuple(names)[:EXAMPLES]


def _evidence(hits: Sequence[Hit]) -> tuple[Evidence, ...]:
    """What the worst hits show, each text once."""
    found: dict[tuple[str, str], Evidence] = {}
    for hit in hits[:EXAMPLES]:
        for item in hit.evidence:
            text = inert(redact(item.text), limit=_TEXT)
            if len(found) < EVIDENCE:
                found.setdefault((item.kind, text), msgspec.structs.replace(item, text=text))
    return tuple(found.values())


def _details(owner: Ref, first: Hit) -> dict[str, str]:
    """What fills a runbook's placeholders: the worst hit's own, and its name where the owner is another object."""
    own = {} if first.ref == owner else {first.ref.kind.lower(): first.ref.name}
    return own | first.details


def team(view: View, owner: Ref, ref: Ref, label: str) -> str | None:
    """Whose it is: the label of the object, of its owner, or of its namespace."""
    namespace = owner.namespace or ref.namespace
    for where in (ref, owner, *([Ref("Namespace", namespace)] if namespace else [])):
        meta = view.metadata(where)
        if meta and (team := meta.labels.get(label)):
            return team
    return None
