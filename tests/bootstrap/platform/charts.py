"""Stand-ins of the charts that a stack pins: their names and versions are the stack's, what they run is in charts.yaml.

They take the stack's own values, of which the numbers of replicas and the resources count. Definitions are the real
ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hubops.stack.render import Rendered
from tests.bootstrap.repository import StandIn
from tests.stack.operated import UNUSED, without_schema
from tests.testbed.api import load
from tests.testbed.objects import POD_IP

Object = dict[str, Any]
CHARTS: Mapping[str, Object] = yaml.safe_load(Path(__file__).with_name("charts.yaml").read_text())
CRDS = Path(__file__).parents[2] / "crds"
#: Which Prometheus a chart brings, for its operator.
PROMETHEUS = {"56.0.0": "v2.49.1", "88.5.3": "v3.5.0"}
_EXPRESSION = re.compile(r"'(\{\{.*?\}\})'")
_RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True)
class Server:
    """Where something really answers."""

    address: str
    port: int


def stand_in(component: Rendered, servers: Mapping[str, Server], version: str = "") -> StandIn:
    """The stand-in of the chart of *component*, at its pin or another *version*, behind whose Services the *servers*
    answer.
    """
    pin = component.component.chart
    assert pin
    version = version or pin.version
    chart = _Chart(pin.name, version, component.component.namespace or "", CHARTS[pin.name], servers)
    definitions = _text(chart.definitions())
    templates = {"objects.yaml": chart.template()}
    if in_templates := chart.in_templates:
        templates["kinds.yaml"] = definitions.replace("{{", '{{ "{{" }}').replace("ANNOTATIONS", in_templates)
    crds = {"kinds.yaml": definitions} if definitions and not in_templates else {}
    return StandIn(pin.name, version, templates, _where_null(component.chart_values()), crds)


def _where_null(values: Mapping[str, Any]) -> Object:
    """A value wherever *values* have null, which takes a default of the chart away."""
    nested = {key: _where_null(value) for key, value in values.items() if isinstance(value, Mapping)}
    return {key: "1" for key, value in values.items() if value is None} | {k: v for k, v in nested.items() if v}


def _text(objects: Iterator[Object]) -> str:
    return yaml.safe_dump_all(objects, width=10**6, sort_keys=False)


def _value(path: str, default: str) -> str:
    """What the chart's values have at *path*."""
    keys = " ".join(f'"{key}"' for key in path.split("."))
    return f"dig {keys} {default} .Values.AsMap"


def _of_version(definition: Object, version: str) -> Object:
    """external-secrets' kinds as that version has them: v1beta1, both, or v1 only."""
    if definition["spec"]["group"] == "external-secrets.io":
        wanted = {"0.9.12": ["v1beta1"], "0.16.2": ["v1beta1", "v1"]}.get(version, ["v1"])
        versions = [each for each in definition["spec"]["versions"] if each["name"] in wanted]
        definition["spec"]["versions"] = [{**each, "storage": each["name"] == wanted[-1]} for each in versions]
    return definition


@dataclass(frozen=True)
class _Chart:
    name: str
    version: str
    namespace: str
    about: Mapping[str, Any]
    servers: Mapping[str, Server]

    @property
    def in_templates(self) -> str:
        """The annotations of its kinds, as a template, where they are templates; else nothing."""
        kinds = self.about.get("kinds", {})
        return str(kinds.get("templates", "")) if kinds.get("except") != self.version else ""

    def definitions(self) -> Iterator[Object]:
        if file := self.about.get("kinds", {}).get("file"):
            for each in load(CRDS / f"{file}.yaml"):
                noted = {"operator.prometheus.io/version": self.version}
                noted |= each["metadata"].get("annotations", {})
                each["metadata"]["annotations"] = "ANNOTATIONS" if self.in_templates else noted
                yield _of_version(each, self.version)
            if file == "prometheus-operator":
                yield from (without_schema(kind, version) for kind, version in UNUSED.items())

    def template(self) -> str:
        text = _EXPRESSION.sub(lambda found: found[1].replace("''", "'"), _text(self._objects()))
        more = self.about.get("more", "").replace("POD-IP", POD_IP)
        if "prometheus" in self.servers:
            more = more.replace("TESTBED", self.servers["prometheus"].address)
        return f"{text}---\n{more.replace('PROMETHEUS', PROMETHEUS.get(self.version, ''))}"

    def _objects(self) -> Iterator[Object]:
        accounts = {each["account"] for each in self.about.get("workloads", []) if "account" in each}
        for name in sorted(accounts):
            yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        for each in self.about.get("workloads", []):
            yield self._workload(each)
        for each in self.about.get("services", []):
            yield self._service(each)
        for each in self.about.get("webhooks", []):
            yield self._webhooks(each)
        for name, service in self.about.get("apis", {}).items():
            yield self._api(name, service)

    def _labels(self, row: Mapping[str, Any]) -> dict[str, str]:
        labels = {"app.kubernetes.io/name": row["app"], "app.kubernetes.io/instance": "{{ .Release.Name }}"}
        if "component" in row:
            labels["app.kubernetes.io/component"] = row["component"]
        return {**labels, **row.get("labels", {})}

    def _metadata(self, name: str, labels: Mapping[str, str]) -> Object:
        chart = {
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/version": self.version,
            "helm.sh/chart": f"{self.name}-{self.version}",
        }
        return {"name": name, "labels": {**labels, **chart}}

    def _workload(self, row: Mapping[str, Any]) -> Object:
        kind, labels = row.get("kind", "Deployment"), self._labels(row)
        spec: Object = {"selector": {"matchLabels": labels}, "template": self._pods(row, labels)}
        if kind != "DaemonSet":
            spec["replicas"] = f"{{{{ {_value(row['replicas'], '1')} }}}}" if "replicas" in row else 1
        if kind == "StatefulSet":
            size, storage = row["claims"]
            claim = {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": storage,
                "resources": {"requests": {"storage": size}},
            }
            spec |= {
                "serviceName": row["name"],
                "podManagementPolicy": "Parallel",
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
            }
        return {"apiVersion": "apps/v1", "kind": kind, "metadata": self._metadata(row["name"], labels), "spec": spec}

    def _pods(self, row: Mapping[str, Any], labels: Mapping[str, str]) -> Object:
        annotations = {POD_IP: self.servers[row["behind"]].address} if "behind" in row else {}
        ports = [{"name": name, "containerPort": port} for name, port in row["ports"].items()]
        probe = {"tcpSocket": {"port": ports[0]["name"]}, "periodSeconds": 10}
        container = {
            "name": row.get("container", row["name"]), "image": f"{row['image']}:{self.version}", "ports": ports,
            "resources": f"{{{{ {_value(row['resources'], '(dict)')} | toJson }}}}",
            "readinessProbe": probe, "livenessProbe": probe, "securityContext": _RESTRICTED,
        }  # fmt: skip
        spec: Object = {"containers": [container], "automountServiceAccountToken": "account" in row}
        if "account" in row:
            spec["serviceAccountName"] = row["account"]
        if row.get("kind") == "DaemonSet":
            spec["tolerations"] = [{"operator": "Exists"}]
        if "claim" in row:
            spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": row["claim"]}}]
            container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        return {
            "metadata": {"labels": {**labels, "app.kubernetes.io/version": self.version}, "annotations": annotations},
            "spec": spec,
        }

    def _service(self, row: Mapping[str, Any]) -> Object:
        selector = row.get("select") or self._labels(row)
        ports = [
            {"name": name, "port": port, "targetPort": self.servers[to].port if isinstance(to, str) else to}
            for name, (port, to) in row["ports"].items()
        ]
        spec = {"selector": selector, "ports": ports, "type": row.get("type", "ClusterIP")}
        return {"apiVersion": "v1", "kind": "Service", "metadata": self._metadata(row["name"], selector), "spec": spec}

    def _webhooks(self, row: Mapping[str, Any]) -> Object:
        kind = "MutatingWebhookConfiguration" if row.get("mutating") else "ValidatingWebhookConfiguration"
        policy = row.get("failure", "Fail")
        if policy not in ("Fail", "Ignore"):
            policy = f"{{{{ {_value(policy, chr(34) * 2)} }}}}"
        hooks = []
        for name, groups in row["hooks"].items():
            rule = {
                "apiGroups": groups,
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": row.get("resources", ["*"]),
            }
            service = {"namespace": self.namespace, "name": row["service"], "path": f"/{name}"}
            hooks.append({
                "name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 5,
                "failurePolicy": policy,
                "clientConfig": {"service": service}, "rules": [rule], "namespaceSelector": self._namespaces(row),
            })  # fmt: skip
        return {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": self._metadata(row["name"], {}),
            "webhooks": hooks,
        }

    def _namespaces(self, row: Mapping[str, Any]) -> Object:
        if exempt := row.get("exempt"):
            return {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": exempt}]}
        return {"matchLabels": row.get("namespaces", {})}

    def _api(self, name: str, service: str) -> Object:
        version, _, group = name.partition(".")
        spec = {
            "group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100,
            "service": {"namespace": self.namespace, "name": service}, "insecureSkipTLSVerify": True,
        }  # fmt: skip
        return {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": self._metadata(name, {}),
            "spec": spec,
        }
