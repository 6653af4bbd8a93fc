"""What a preflight looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hubops.bootstrap.target import Target
from hubops.clients.kube.writer import KubeWriter
from hubops.stack.render import Rendered
from hubops.stack.site import Site
from hubops.stack.structure import Stack

Id = Literal["kubernetes", "nodes", "cpu", "memory", "cloud", "rights", "storage-drivers", "snapshots", "default-class",
             "identity", "secrets", "metrics-apis", "policies", "ingress-controllers", "prometheus-operator",
             "definitions"]  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. A "failed" one stops an installation unless it is accepted by its id."""

    id: Id
    state: Literal["ok", "warning", "failed", "unknown"]
    text: str


@dataclass(frozen=True)
class Prospect:
    """What would be installed where."""

    target: Target
    stack: Stack
    site: Site
    components: Sequence[Rendered]

    @property
    def cluster(self) -> KubeWriter:
        return self.target.cluster

    def objects(self, kind: str) -> Iterator[dict[str, Any]]:
        """The objects of *kind* in all manifests."""
        return (item for each in self.components for item in each.objects() if item["kind"] == kind)

    def of_chart(self, name: str) -> Iterator[Rendered]:
        """The components that are made of the chart *name*."""
        return (each for each in self.components if each.component.chart and each.component.chart.name == name)

    def skipping(self, name: str, *, dependents: bool = False) -> str:
        """The flags that leave the component *name* out, with what needs it where its *dependents* are to go too."""
        left = [name]
        for each in self.components if dependents else ():
            if set(each.component.needs) & set(left):
                left.append(each.name)
        return " ".join(f"--skip {each}" for each in left)
