"""All that one component consists of on the cluster: the objects of its manifests and of its release."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hubops.bootstrap.apply.objects import are_ready
from hubops.bootstrap.chart_objects import objects_of, placed
from hubops.bootstrap.gate import Verdict
from hubops.bootstrap.ready import IN_NAMESPACES
from hubops.bootstrap.target import Target
from hubops.stack.render import Rendered

Manifest = dict[str, Any]


class Parts:
    """Of the component *rendered*; helm is asked once what its release is made of, unless it is known to be *made* of
    something already.
    """

    def __init__(self, target: Target, rendered: Rendered, made: Iterable[Manifest] = ()) -> None:
        self._target = target
        self._rendered = rendered
        self._made = list(made)

    def objects(self) -> list[Manifest]:
        """The objects, workloads with their namespaces. Raises SourceError where there is no release yet."""
        objects: list[Manifest] = list(self._rendered.objects())
        if chart := self._rendered.component.chart:
            namespace = self._rendered.component.namespace or ""
            if not self._made:
                self._made = objects_of(self._target.helm.manifest(chart.release_name, namespace))
            objects += [placed(item, namespace) if item["kind"] in IN_NAMESPACES else item for item in self._made]
        return objects

    def ready(self) -> Verdict:
        """Whether all of them are ready. Raises SourceError."""
        return are_ready(self._target.cluster, self.objects())
