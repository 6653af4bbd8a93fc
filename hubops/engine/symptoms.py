"""Causes, not symptoms: what another finding explains is folded under it, and under what explains that in turn.

A hit is explained by a finding of a check that its own check lists in `symptom_of`, when both are about the same
object, when the hit depends on an object of that finding, or when both belong to the same owner; the closest of these
wins. Folding is per hit: of twelve pods that are not ready, the one on a dead node goes to the node, the others stay.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hubops.engine.rollup import Group
from hubops.model.finding import Hit, Ref


@dataclass
class Folded:
    """One finding to be: what nothing else explains, and what it explains of other groups."""

    group: Group
    own: list[Hit] = field(default_factory=list)
    symptoms: list[tuple[Group, list[Hit]]] = field(default_factory=list)


def fold(groups: Sequence[Group]) -> list[Folded]:
    """Every hit of *groups* exactly once: as a group's own, or as a symptom of the group at the root of it."""
    ordered = sorted(groups, key=lambda item: item.key)
    causes = _causes(ordered)
    standing = {item: Folded(item) for item in ordered if any((item, at) not in causes for at in range(len(item.hits)))}
    for item in ordered:
        folded: dict[Group, list[Hit]] = defaultdict(list)
        for at, hit in enumerate(item.hits):
            cause = causes.get((item, at))
            if cause is None:
                standing[item].own.append(hit)
            else:
                folded[_root(cause, causes, standing.keys())].append(hit)
        for root, hits in folded.items():
            standing[root].symptoms.append((item, hits))
    return list(standing.values())


def _causes(groups: Sequence[Group]) -> dict[tuple[Group, int], Group]:
    """The group that explains a hit, by the hit's group and place in it; never in a circle.

    The closest links are made first, so that where checks explain each other the weakest link gives way.
    """
    links = sorted(_links(groups), key=lambda link: (*link[:2], link[2].key, link[3], link[4].key))
    found: dict[tuple[Group, int], Group] = {}
    above: dict[Group, set[Group]] = defaultdict(set)
    for _, _, item, at, cause in links:
        if (item, at) not in found and (cause in above[item] or not _leads(cause, item, above)):
            found[item, at] = cause
            above[item].add(cause)
    return found


def _links(groups: Sequence[Group]) -> Iterator[tuple[int, int, Group, int, Group]]:
    """Every possible explanation of a hit: how close, the place in `symptom_of`, the hit and the cause."""
    by_ref: dict[tuple[str, Ref], Group] = {}
    for item in groups:
        by_ref.update({(item.check.id, ref): item for ref in item.refs})
    for item in groups:
        for place, check in enumerate(item.check.symptom_of):
            for at, hit in enumerate(item.hits):
                closest: dict[Group, int] = {}
                for closeness, ref in _related(hit, item.ref):
                    cause = by_ref.get((check, ref))
                    if cause is not None:
                        closest.setdefault(cause, closeness)
                yield from ((closeness, place, item, at, cause) for cause, closeness in closest.items())


def _related(hit: Hit, owner: Ref) -> Iterator[tuple[int, Ref]]:
    yield 0, hit.ref
    yield from ((1, ref) for ref in hit.depends_on)
    yield 2, owner


def _leads(start: Group, end: Group, above: dict[Group, set[Group]]) -> bool:
    """Whether *start* is *end* or explained by it, directly or through others."""
    seen = {start}
    waiting = [start]
    while waiting:
        current = waiting.pop()
        if current is end:
            return True
        fresh = above.get(current, set()) - seen
        seen |= fresh
        waiting.extend(fresh)
    return False


def _root(cause: Group, causes: dict[tuple[Group, int], Group], standing: Iterable[Group]) -> Group:
    """*cause*, or where all of it is explained what explains most of it, and so on up."""
    while cause not in standing:
        explained = Counter(causes[cause, at] for at in range(len(cause.hits)))
        cause = min(explained, key=lambda item: (-explained[item], item.key))
    return cause
