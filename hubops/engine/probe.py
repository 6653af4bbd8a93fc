"""How a probe announces itself: a function over the snapshot, with the evidence it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hubops.engine.view import View
from hubops.model.finding import Hit

ProbeFunction = Callable[..., Iterator[Hit]]


@dataclass(frozen=True)
class Probe:
    """A decision written in Python.

    `needs` lists evidence without which the probe cannot decide (it is then unknown); `uses` lists evidence that
    only enriches what it says (a log line, an event): its absence never hides a finding. `examines` names the
    evidence whose objects are counted as examined.
    """

    name: str
    function: ProbeFunction
    needs: tuple[str, ...]
    uses: tuple[str, ...]

    @property
    def examines(self) -> str:
        return self.needs[0]

    def __call__(self, view: View, **parameters: Any) -> Iterator[Hit]:
        return self.function(view, **parameters)


def probe(*, needs: tuple[str, ...], uses: tuple[str, ...] = ()) -> Callable[[ProbeFunction], Probe]:
    """Make a generator of hits a probe. The first of *needs* is what it examines, object by object."""

    def decorate(function: ProbeFunction) -> Probe:
        return Probe(name=function.__name__, function=function, needs=needs, uses=uses)

    return decorate
