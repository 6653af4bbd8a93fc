"""How a probe announces itself: a function over the snapshot, with the evidence it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hubops.engine.view import View
from hubops.model.finding import Hit

ProbeFunction = Callable[..., Iterator[Hit]]


class Undecided(Exception):
    """Raised by a decision, by a probe after its hits: the text says what it could not decide. The check is unknown."""


class Absent(Exception):
    """Raised by a decision instead of hits: the text says what a site need not have. The check is skipped."""


@dataclass(frozen=True)
class Probe:
    """A decision written in Python.

    `needs` lists evidence without which the probe cannot decide (it is then unknown); `uses` lists evidence that
    only enriches what it says (a log line, an event): its absence never hides a finding. `examines` names the
    evidence whose objects are counted as examined. `fields` says, for evidence that is a custom resource, which
    field paths are read beside its metadata ("status.notAfter"); all else is pruned.

    The keyword parameters of the function are the keys under the check's `with:`; one that is annotated `timedelta`
    is written there as a duration ("10m").
    """

    name: str
    function: ProbeFunction
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def examines(self) -> str:
        return self.needs[0]

    def __call__(self, view: View, **parameters: Any) -> Iterator[Hit]:
        return self.function(view, **parameters)


def probe(
    *, needs: tuple[str, ...], uses: tuple[str, ...] = (), fields: Mapping[str, tuple[str, ...]] | None = None
) -> Callable[[ProbeFunction], Probe]:
    """Make a generator of hits a probe. The first of *needs* is what it examines, object by object."""
    paths = {name: frozenset(kept) for name, kept in (fields or {}).items()}

    def decorate(function: ProbeFunction) -> Probe:
        return Probe(name=function.__name__, function=function, needs=needs, uses=uses, fields=paths)

    return decorate
