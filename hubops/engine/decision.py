"""What one check came to, before roll-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubops.model.finding import Hit
from hubops.model.text import inert

#: How many troubles of one kind a reason names before it only counts.
_NAMED = 3
_LIMIT = 300


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The hits, how many objects or series were looked at, and what could not be decided.

    Hits and problems may come together: what fired is said, and so is that the rest is unknown. `absent` says which
    metrics a site does not have that need not be there: the check is then skipped, and says so.
    """

    hits: tuple[Hit, ...] = ()
    examined: int = 0
    problems: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def reason(self) -> str | None:
        """The problems as one sentence, None when there are none."""
        return listed(self.problems) if self.problems else None


def listed(problems: Sequence[str]) -> str:
    """*problems* without repetition on one inert line; after the first few only their number."""
    distinct = [inert(text, limit=_LIMIT) for text in dict.fromkeys(problems)]
    more = f"; and {len(distinct) - _NAMED} more" if len(distinct) > _NAMED else ""
    return "; ".join(distinct[:_NAMED]) + more
