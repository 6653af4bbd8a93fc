"""A pod of an application is admitted with its proxy: Istio's own injector puts it in, a real API server judges it.

The injector is that of the istioctl that the tests build, with its own template of a proxy; ours are the stacks'.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.stack.apiserver import KindServer
from tests.stack.manifests import Document
from tests.stack.rendered import STACKS, component, site
from tests.testbed import build
from tests.testbed.pki import Pair, kubeconfig

Object = dict[str, Any]
NAMESPACE = site("aws").application
GATEWAY = "istio-ingress"
SECCOMP: Object = {"seccompProfile": {"type": "RuntimeDefault"}}
RESTRICTED: Object = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}


class Injector(NamedTuple):
    """istioctl, what it injects, and the API server that it asks."""

    program: str
    options: list[str]
    templates: list[str]
    stack: str

    def injected(self, folder: Path, pod: Object) -> Object:
        """*pod* with its proxy, as the webhook would send it back."""
        (folder / "pod.yaml").write_text(yaml.safe_dump(pod), encoding="utf-8")
        argv = [self.program, "kube-inject", "--filename", str(folder / "pod.yaml"), *self.options]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        found: Object = next(each for each in yaml.safe_load_all(done.stdout) if each)
        return found


@pytest.fixture(scope="module", params=STACKS)
def injector(
    request: pytest.FixtureRequest, server: KindServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Injector]:
    folder = tmp_path_factory.mktemp("injector")
    program = str(build.programs(families=("istio",))["istioctl"])
    values = component("aws", "istiod", request.param).chart_values()
    for name, text in generated(program, folder, values).items():
        (folder / name).write_text(text, encoding="utf-8")
    certificate, key = map(Path, server.api.session.cert)  # type: ignore[arg-type]
    authority = Path(str(server.api.session.verify))
    config = kubeconfig(folder / "kubeconfig", server.api.server, authority, Pair(certificate, key))
    options = [f"--{option}={folder / name}" for option, name in FILES.items()] + [f"--kubeconfig={config}"]
    accounts = [account(namespace) for namespace in (NAMESPACE, GATEWAY)]
    for each in accounts:
        server.api.apply(each)
    yield Injector(program, options, values["sidecarInjectorWebhook"]["defaultTemplates"], request.param)
    for each in accounts:
        server.api.delete(each)


def account(namespace: str) -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}}


FILES = {"injectConfigFile": "config", "valuesFile": "values", "meshConfigFile": "mesh"}


def generated(program: str, folder: Path, values: Object) -> dict[str, str]:
    """What istiod reads, by the names of FILES: made by istioctl of *values*, with the plugin for the network."""
    values = {key: value for key, value in values.items() if key != "istio_cni"}
    spec = {
        "profile": "minimal",
        "components": {"cni": {"enabled": True}},
        "meshConfig": values.pop("meshConfig"),
        "values": values,
    }
    operator = {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": spec}
    (folder / "operator.yaml").write_text(yaml.safe_dump(operator), encoding="utf-8")
    argv = [program, "manifest", "generate", "--filename", str(folder / "operator.yaml")]
    text = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120).stdout
    maps = {each["metadata"]["name"]: each["data"] for each in yaml.load_all(text, yaml.CSafeLoader) if is_map(each)}
    return {**maps["istio-sidecar-injector"], "mesh": maps["istio"]["mesh"]}


def is_map(found: Object | None) -> bool:
    return found is not None and found["kind"] == "ConfigMap"


def pod(templates: list[str], native: str, own: Object, container: Object) -> Object:
    """A pod that Pod Security `restricted` admits, which has its proxy as an init container if *native* is `true`."""
    annotations = {"inject.istio.io/templates": ",".join(templates), "sidecar.istio.io/nativeSidecar": native}
    app = {"name": "app", "image": "app:1", "securityContext": {**RESTRICTED, **container}}
    metadata = {"name": "app", "namespace": NAMESPACE, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [app], **own}}


#: Where the application says its seccomp profile: for the pod or for the container.
SAID = {"pod": ({"securityContext": SECCOMP}, {}), "container": ({}, SECCOMP)}


@pytest.mark.parametrize(("native", "where"), [*itertools.product(("false", "true"), SAID)])
def test_a_pod_is_admitted_with_its_proxy(
    injector: Injector, server: KindServer, tmp_path: Path, native: str, where: str
) -> None:
    found = injector.injected(tmp_path, pod(injector.templates, native, *SAID[where]))
    spec = found["spec"]
    proxies = "initContainers" if native == "true" else "containers"
    assert [each["name"] for each in spec[proxies]].count("istio-proxy") == 1
    assert spec["initContainers"][0]["name"] == "istio-validation"
    assert server.objections(Document("pod.yaml", json.dumps(found), NAMESPACE, "app")) == []


def test_without_our_template_it_is_not(injector: Injector, server: KindServer, tmp_path: Path) -> None:
    found = injector.injected(tmp_path, pod(["sidecar"], "false", *SAID["container"]))
    said = server.objections(Document("pod.yaml", json.dumps(found), NAMESPACE, "app"))
    assert any("seccompProfile" in each for each in said), said


def test_a_profile_that_the_pod_has_stays(injector: Injector, tmp_path: Path) -> None:
    own = {"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "app.json"}, "fsGroup": 1}}
    found = injector.injected(tmp_path, pod(injector.templates, "false", own, {}))
    assert found["spec"]["securityContext"] == own["securityContext"]


def test_the_gateway_is_admitted(injector: Injector, server: KindServer, tmp_path: Path) -> None:
    values = component("aws", "istio-gateway", injector.stack).chart_values()
    if injector.stack == "stack.yaml":  # Helm leaves a null out; where a chart merges its defaults itself, it stays
        limits = values["resources"]["limits"]
        values["resources"]["limits"] = {key: value for key, value in limits.items() if value is not None}
    container = {"securityContext": values["containerSecurityContext"], "resources": values["resources"]}
    gateway = pod(["gateway"], "false", {"securityContext": values["securityContext"]}, {})
    gateway["metadata"]["namespace"] = GATEWAY
    gateway["spec"]["containers"] = [{"name": "istio-proxy", "image": "auto", **container}]
    found = injector.injected(tmp_path, gateway)
    assert found["spec"]["containers"][0]["image"] != "auto"
    assert server.objections(Document("pod.yaml", json.dumps(found), GATEWAY, "istio-gateway")) == []
