"""A small stack of stand-ins: a chart with CRD and workload, one that needs it, and manifests of the new kind."""

from __future__ import annotations

import textwrap
from pathlib import Path

from tests.bootstrap.repository import Repository, StandIn

STACK = """
schema: hubops.stack/v1
title: stand-ins
kubernetes: "1.28"
repositories: {charts: %(url)s}
namespaces:
  hubops: {pod_security: restricted, reason: hubops itself}
  paint: {pod_security: restricted, reason: a test}
  shop: {pod_security: restricted, reason: a test}
components:
  namespaces: {title: Namespaces, manifests: [namespaces.yaml], gates: [namespaces-labelled]}
  paint:
    title: Paint
    namespace: paint
    needs: [namespaces]
    chart: {repository: charts, name: paint, version: %(paint)s}
    values: [paint.values.yaml]
    gates: [objects-applied]
  colors: {title: Colors, needs: [paint], manifests: [colors.yaml], gates: [objects-applied]}
  shop:
    title: Shop
    namespace: shop
    needs: [namespaces]
    chart: {repository: charts, name: shop, version: 1.0.0, release: corner-shop}
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
apiVersion: paint.example.com/v1
kind: Color
metadata: {name: red, namespace: paint}
spec: {hex: ff0000}
---
apiVersion: paint.example.com/v1
kind: Color
metadata: {name: blue, namespace: paint}
spec: {hex: 0000ff}
"""


def definition(field: str = "hex") -> str:
    """The CRD of the kind Color, with one field."""
    schema = f"{{type: object, properties: {{spec: {{type: object, properties: {{{field}: {{type: string}}}}}}}}}}"
    return textwrap.dedent(f"""
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {{name: colors.paint.example.com}}
        spec:
          group: paint.example.com
          scope: Namespaced
          names: {{plural: colors, singular: color, kind: Color, listKind: ColorList}}
          versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {schema}}}}}]
        """)


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}, labels: {color: {{ .Values.color | quote }}}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}, version: {{ .Chart.Version | quote }}}}
    spec: {containers: [{name: main, image: registry.example.com/main:1}]}
"""
PAINT = StandIn(
    "paint", "1.0.0", {"deployment.yaml": DEPLOYMENT}, {"color": "", "replicas": 2}, {"c.yaml": definition()}
)
SHOP = StandIn("shop", "1.0.0", {"deployment.yaml": DEPLOYMENT}, {"color": "", "replicas": 1})


def write(folder: Path, repository: Repository, *, paint: str = "1.0.0") -> Path:
    """The stack's files in *folder*, with the chart paint at the version *paint*; the path of its stack.yaml."""
    folder.mkdir(exist_ok=True)
    files = {"namespaces.yaml": NAMESPACES, "paint.values.yaml": VALUES, "colors.yaml": COLORS}
    files["stack.yaml"] = STACK % {"url": repository.url, "paint": paint}
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder / "stack.yaml"
