"""Causes, not symptoms: what another finding explains is folded under it, and under what explains that in turn.

A hit is explained by a finding of a check that its own check lists in `symptom_of`, when both are about the same
object, when the hit depends on an object of that finding, or when both belong to the same owner; the closest of these
wins. Folding is per hit: of twelve pods that are not ready, the one on a dead node goes to the node, the others stay.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hubops.engine.rollup import Group
from hubops.model.finding import Hit, Ref

#: How close a cause is to a hit, the place of its check in `symptom_of`, the hit as group and place, and the cause.
#: Groups are numbers, their places in the order of their keys: a large outage has tens of thousands of links.
Link = tuple[int, int, int, int, int]
_SAME, _DEPENDS, _OWNER = range(3)


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
    roots = _Roots(ordered, causes)
    standing = {number: Folded(ordered[number]) for number in roots.standing}
    for number, item in enumerate(ordered):
        folded: dict[int, list[Hit]] = defaultdict(list)
        for at, hit in enumerate(item.hits):
            cause = causes.get((number, at))
            (standing[number].own if cause is None else folded[roots.of(cause)]).append(hit)
        for root, hits in folded.items():
            standing[root].symptoms.append((item, hits))
    return list(standing.values())


class _Roots:
    """What stands by itself: the groups of which at least one hit has no cause."""

    def __init__(self, groups: Sequence[Group], causes: Mapping[tuple[int, int], int]) -> None:
        explained: dict[int, Counter[int]] = defaultdict(Counter)
        for (number, _), cause in causes.items():
            explained[number][cause] += 1
        self._explained = explained
        self.standing = [at for at, item in enumerate(groups) if explained[at].total() < len(item.hits)]
        self._stands = frozenset(self.standing)

    def of(self, number: int) -> int:
        """The group *number*, or where all of it is explained what explains most of it, and so on up."""
        while number not in self._stands:
            counted = self._explained[number]
            number = min(counted, key=lambda cause: (-counted[cause], cause))
        return number


def _causes(groups: Sequence[Group]) -> dict[tuple[int, int], int]:
    """The group that explains a hit, by the hit's group and place in it; never in a circle.

    The closest links are made first, so that where checks explain each other the weakest link gives way.
    """
    found: dict[tuple[int, int], int] = {}
    above: dict[int, set[int]] = defaultdict(set)
    for _, _, number, at, cause in sorted(_links(groups)):
        if (number, at) not in found and (cause in above[number] or not _leads(cause, number, above)):
            found[number, at] = cause
            above[number].add(cause)
    return found


def _links(groups: Sequence[Group]) -> Iterator[Link]:
    """Every possible explanation of every hit."""
    by_ref: dict[str, dict[Ref, int]] = defaultdict(dict)
    for number, item in enumerate(groups):
        by_ref[item.check.id].update(dict.fromkeys(item.refs, number))
    for number, item in enumerate(groups):
        for place, check in enumerate(item.check.symptom_of):
            causes = by_ref.get(check)
            if causes is None:
                continue
            owner = causes.get(item.ref)
            for at, hit in enumerate(item.hits):
                if (cause := causes.get(hit.ref)) is not None:
                    yield _SAME, place, number, at, cause
                for ref in hit.depends_on:
                    if (cause := causes.get(ref)) is not None:
                        yield _DEPENDS, place, number, at, cause
                if owner is not None:
                    yield _OWNER, place, number, at, owner


def _leads(start: int, end: int, above: Mapping[int, set[int]]) -> bool:
    """Whether *start* is *end* or explained by it, directly or through others."""
    seen = {start}
    waiting = [start]
    while waiting:
        current = waiting.pop()
        if current == end:
            return True
        fresh = above.get(current, set()) - seen
        seen |= fresh
        waiting.extend(fresh)
    return False
