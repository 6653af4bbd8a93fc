"""What the real Prometheus operator makes of the stack's Prometheus, Alertmanager and monitors."""

from __future__ import annotations

import base64
import functools
import gzip
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml

from tests.stack import alertmanager
from tests.stack.apiserver import KindServer
from tests.stack.manifests import Document
from tests.stack.rendered import SITES, rendered, site
from tests.testbed import build
from tests.testbed.api import Object
from tests.testbed.process import State, Supervisor, free_port, myself, poll

NAME = "kube-prometheus-stack"
#: What the chart makes of a value before it hands the rest of the spec on.
OF_THE_CHART = ("podAntiAffinity", "prometheusExternalLabelNameClear", "storageSpec")
#: Kinds that the operator watches and the stack has no object of.
UNUSED = {"AlertmanagerConfig": "v1alpha1", "PrometheusAgent": "v1alpha1", "ThanosRuler": "v1"}
EVERYTHING: Object = {}
STORAGE_CLASSES = [each for each in rendered("aws")["storage"].objects() if each["kind"] == "StorageClass"]


@functools.cache
def program() -> str:
    return str(build.programs(families=("prometheus-operator",))["prometheus-operator"])


def namespace(name: str) -> str:
    """The namespace of the site *name*: one operator serves them all, apart from each other."""
    return f"monitoring-{name}"


def prometheus(name: str) -> Object:
    """The Prometheus that the chart makes of the values of the site *name*, which sees its own namespace only."""
    values = rendered(name)["monitoring"].chart_values()["prometheus"]["prometheusSpec"]
    own = {"matchLabels": {"kubernetes.io/metadata.name": namespace(name)}}
    spec = {key: value for key, value in values.items() if key not in OF_THE_CHART and "NilUses" not in key}
    for kind in ("serviceMonitor", "podMonitor", "probe", "rule", "scrapeConfig"):
        assert values[f"{kind}SelectorNilUsesHelmValues"] is False
        spec |= {f"{kind}Selector": EVERYTHING, f"{kind}NamespaceSelector": own}
    sent_to = {"namespace": namespace(name), "name": f"{NAME}-alertmanager", "port": "http-web", "apiVersion": "v2"}
    spec |= {"version": "v2.49.1", "storage": values["storageSpec"], "alerting": {"alertmanagers": [sent_to]}}
    if values["prometheusExternalLabelNameClear"]:
        spec["prometheusExternalLabelName"] = ""
    return _object("monitoring.coreos.com/v1", "Prometheus", name, f"{NAME}-prometheus", spec=spec)


def alertmanager_objects(name: str) -> Iterator[Object]:
    """The Alertmanager of the site *name*, and the Secret with its configuration."""
    values = alertmanager.values(name)
    config = {"alertmanager.yaml": yaml.safe_dump(values["config"]), **values["templateFiles"]}
    yield _object("v1", "Secret", name, f"alertmanager-{NAME}-alertmanager", stringData=config)
    spec = {key: value for key, value in values["alertmanagerSpec"].items() if key not in OF_THE_CHART}
    spec |= {"version": "v0.26.0", "alertmanagerConfigSelector": EVERYTHING}
    yield _object("monitoring.coreos.com/v1", "Alertmanager", name, f"{NAME}-alertmanager", spec=spec)


def monitored(name: str) -> Iterator[Object]:
    """The monitors and rules of the site *name*."""
    for each in rendered(name)["monitoring"].objects():
        if each["kind"] in ("ServiceMonitor", "PodMonitor", "PrometheusRule"):
            yield {**each, "metadata": {**each["metadata"], "namespace": namespace(name)}}


def _credentials(name: str) -> Iterator[Object]:
    """The Secrets that remote write refers to, with random keys."""
    for each in site(name).remote_write:
        for reference in filter(None, (each.username, each.password, each.bearer)):
            yield _object("v1", "Secret", name, reference.secret, stringData={reference.key: secrets.token_hex()})


def _object(version: str, kind: str, where: str, name: str, **rest: Any) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace(where)}, **rest}


class Operated:
    """The operator beside *server*, with the objects of every site, once it has made what it makes of them."""

    def __init__(self, folder: Path, server: KindServer) -> None:
        self._server = server
        self._store()
        self._supervisor = Supervisor(folder, State(owner=myself()))
        try:
            self._start()
            for name in SITES:
                poll(lambda name=name: self._made(name), f"StatefulSets of {name}")  # type: ignore[misc]
        except BaseException as error:
            error.add_note(self._supervisor.tail("prometheus-operator"))
            self.stop()
            raise
        finally:
            # Other tests offer the server those of other clouds, which may not follow these.
            for each in STORAGE_CLASSES:
                self._server.api.delete(each)

    def _store(self) -> None:
        self._server.serve(without_schema(kind, version) for kind, version in UNUSED.items())
        for each in STORAGE_CLASSES:  # without them the operator starts nothing
            self._server.api.apply(each)
        for name in SITES:
            self._server.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(name)}})
            objects = (*_credentials(name), *alertmanager_objects(name), *monitored(name), prometheus(name))
            for each in objects:
                said = self._server.store(Document(name, yaml.safe_dump(each), namespace(name), "monitoring"))
                assert said == [], f"{name}: {each['kind']} {each['metadata']['name']}: {said}"

    def _start(self) -> None:
        session = self._server.api.session
        certificate, key = cast("tuple[str, str]", session.cert)
        argv = [program(), f"-apiserver={self._server.api.server}", f"-ca-file={session.verify}",
                f"-cert-file={certificate}", f"-key-file={key}", f"-web.listen-address=127.0.0.1:{free_port()}",
                f"-namespaces={','.join(map(namespace, SITES))}"]  # fmt: skip
        self._supervisor.start("prometheus-operator", argv)

    def _made(self, name: str) -> bool:
        return all(self.stateful_set(name, what) for what in ("prometheus", "alertmanager"))

    def stateful_set(self, name: str, what: str) -> Object | None:
        return self._server.api.get("StatefulSet", namespace(name), f"{what}-{NAME}-{what}")

    def alertmanager_config(self, name: str) -> Object:
        """The configuration with which Alertmanager starts."""
        return self._config(name, f"alertmanager-{NAME}-alertmanager-generated", "alertmanager.yaml.gz")

    def prometheus_config(self, name: str) -> Object:
        """The configuration with which Prometheus starts."""
        return self._config(name, f"prometheus-{NAME}-prometheus", "prometheus.yaml.gz")

    def _config(self, name: str, secret: str, key: str) -> Object:
        found = self._server.api.get("Secret", namespace(name), secret)
        assert found
        return dict(yaml.load(gzip.decompress(base64.b64decode(found["data"][key])), Loader=yaml.CSafeLoader))

    def rules(self, name: str) -> set[str]:
        """The names of the groups of rules that Prometheus reads."""
        maps = self._server.api.list("ConfigMap", namespace(name))
        texts = [text for each in maps if "rulefiles" in each["metadata"]["name"] for text in each["data"].values()]
        return {group["name"] for text in texts for group in yaml.load(text, Loader=yaml.CSafeLoader)["groups"]}

    def stop(self) -> None:
        self._supervisor.end()


def without_schema(kind: str, version: str) -> Object:
    """The definition of a kind of the operator, of which nothing more is said than its name."""
    plural = f"{kind.lower()}s"
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": free}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [served],
        },
    }
