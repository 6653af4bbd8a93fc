"""A small stack of stand-ins: a chart with CRD and workload, one that needs it, and manifests of the new kind."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

from tests.bootstrap.repository import Repository, StandIn

STACK = """
schema: hubops.stack/v1
title: stand-ins
kubernetes: "1.28"
repositories: {charts: URL}
namespaces:
  hubops: {pod_security: restricted, reason: hubops itself}
  paint-MARK: {pod_security: restricted, reason: a test}
  shop-MARK: {pod_security: restricted, reason: a test}
components:
  namespaces: {title: Namespaces, manifests: [namespaces.yaml], gates: [namespaces-labelled]}
  paint:
    title: Paint
    namespace: paint-MARK
    needs: [namespaces]
    chart: {repository: charts, name: paint, version: VERSION, release: paint-MARK}
    values: [paint.values.yaml]
    gates: [objects-applied]
  colors: {title: Colors, needs: [paint], manifests: [colors.yaml], gates: [objects-applied]}
  shop:
    title: Shop
    namespace: shop-MARK
    needs: [namespaces]
    chart: {repository: charts, name: shop, version: 1.0.0, release: corner-shop-MARK}
    generates: [{name: till, random: {pin: 8}, fixed: {user: admin}}]
    gates: [objects-applied]
"""
NAMESPACES = """
<% for name in namespaces %>
---
apiVersion: v1
kind: Namespace
metadata: {name: << name >>, labels: {pod-security.kubernetes.io/enforce: baseline, cluster: << site.cluster >>}}
<% endfor %>
"""
VALUES = "color: << site.domain >>\n"
COLORS = """
apiVersion: gMARK.example.com/v1
kind: Color
metadata: {name: red, namespace: paint-MARK}
spec: {hex: ff0000}
---
apiVersion: gMARK.example.com/v1
kind: Color
metadata: {name: blue, namespace: paint-MARK}
spec: {hex: 0000ff}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}, labels: {color: {{ .Values.color | quote }}}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}, version: {{ .Chart.Version | quote }}}}
    spec:
      containers: [{name: main, image: registry.example.com/main:1}]
      {{- with .Values.nodes }}
      nodeSelector: {{ toJson . }}
      {{- end }}
"""
#: Holds helm up until there is a node with the label: a pod that is scheduled nowhere is never complete.
HOOK = """
apiVersion: batch/v1
kind: Job
metadata: {name: {{ .Release.Name }}-prepare, annotations: {helm.sh/hook: "pre-install,pre-upgrade"}}
spec:
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {open: {{ .Release.Name }}}
      containers: [{name: main, image: registry.example.com/main:1}]
"""
SHOP = StandIn("shop", "1.0.0", {"deployment.yaml": DEPLOYMENT}, {"color": "", "replicas": 1, "nodes": {}})


def paint(group: str, version: str = "1.0.0", *, field: str = "hex", nodes: str = "", held: bool = False) -> StandIn:
    """The chart with the CRD of the kind Color of *group*, which has one *field*; its pods are for the nodes with the
    label *nodes*, and its installation is *held* up by a hook.
    """
    templates = {"deployment.yaml": DEPLOYMENT} | ({"hook.yaml": HOOK} if held else {})
    values = {"color": "", "replicas": 2, "nodes": {"for": nodes} if nodes else {}}
    return StandIn("paint", version, templates, values, {"colors.yaml": definition(group, field)})


def other(version: str = "2.0.0") -> StandIn:
    """Another chart, whose name begins like that of `paint`."""
    return replace(SHOP, name="paint-thinner", version=version)


def definition(group: str, field: str = "hex") -> str:
    """The CRD of the kind Color, with one field, and one that is there for all."""
    fields = f"{{hex: {{type: string}}, {field}: {{type: string}}}}" if field != "hex" else "{hex: {type: string}}"
    schema = f"{{type: object, properties: {{spec: {{type: object, properties: {fields}}}}}}}"
    return textwrap.dedent(f"""
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {{name: colors.{group}}}
        spec:
          group: {group}
          scope: Namespaced
          names: {{plural: colors, singular: color, kind: Color, listKind: ColorList}}
          versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {schema}}}}}]
        """)


def write(folder: Path, repository: Repository, mark: str, *, version: str = "1.0.0", **changed: str) -> Path:
    """The stack's files in *folder* with *mark* in their names, the chart paint at *version*, and the files *changed*,
    by their names without ".yaml"; the path of its stack.yaml.
    """
    folder.mkdir(exist_ok=True)
    files = {"namespaces": NAMESPACES, "paint.values": VALUES, "colors": COLORS, "stack": STACK} | changed
    for name, text in files.items():
        text = text.replace("URL", repository.url).replace("VERSION", version).replace("MARK", mark)
        (folder / f"{name}.yaml").write_text(text)
    return folder / "stack.yaml"
