"""What an installation works on: one cluster, through its API server and through Helm, with the charts at hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from hubops.bootstrap.chart_objects import Manifest, objects_of
from hubops.bootstrap.charts import Charts
from hubops.clients.helm import ChartFile, Helm, Release
from hubops.clients.kube.writer import KubeWriter
from hubops.stack.render import Rendered


@dataclass(frozen=True)
class Target:
    """A cluster that a stack is installed on."""

    cluster: KubeWriter
    helm: Helm
    charts: Charts

    @cached_property
    def _definitions(self) -> dict[ChartFile, str]:
        return {}

    @cached_property
    def kubernetes(self) -> str:
        """The version of the cluster."""
        return self.cluster.version()

    def crds(self, chart: ChartFile) -> str:
        """The chart's CRDs as YAML, asked of helm once."""
        if chart not in self._definitions:
            self._definitions[chart] = self.helm.crds(chart)
        return self._definitions[chart]

    @cached_property
    def _contents(self) -> dict[Release, tuple[dict[str, Any], list[Manifest]]]:
        return {}

    def contents(self, release: Release) -> tuple[dict[str, Any], list[Manifest]]:
        """The values that *release* was made with and its objects; they never change, so helm is asked once."""
        if release not in self._contents:
            name, namespace = release.name, release.namespace
            made = objects_of(self.helm.manifest(name, namespace))
            self._contents[release] = self.helm.values(name, namespace), made
        return self._contents[release]

    def template(self, rendered: Rendered, chart: ChartFile) -> str:
        """What the component's chart renders for this cluster, as it will be once the stack's kinds are served."""
        release = rendered.component.chart.release_name if rendered.component.chart else ""
        apis = self.cluster.api_versions()
        values = values_text(rendered)
        namespace = rendered.component.namespace or ""
        return self.helm.template(chart, release, namespace, values, kubernetes=self.kubernetes, apis=apis)


def values_text(rendered: Rendered) -> str:
    """The values of the component's chart as YAML for helm."""
    return yaml.safe_dump(rendered.chart_values(), sort_keys=True, allow_unicode=True)
