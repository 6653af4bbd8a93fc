"""An API server with every kind of the stack and no controllers: the tests write what those would."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hubops.bootstrap.charts import Charts
from hubops.bootstrap.gate import Gate, Installed, Verdict
from hubops.bootstrap.gates.rights import RIGHTS, rights_of
from hubops.bootstrap.target import Target
from hubops.clients.helm import Helm
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.model.diagnosis import Right
from hubops.stack.render import Rendered
from tests.bootstrap.gates.webhooks import Manifest, Webhooks
from tests.stack import rendered
from tests.stack.apiserver import KindServer
from tests.testbed.api import ApiError
from tests.testbed.bed import Testbed
from tests.testbed.errors import TestbedError
from tests.testbed.process import poll

#: What gates are asked about: a component of the stack, of one site.
Component = Callable[..., Installed]


class Store:
    """Call it with an object."""

    def __init__(self, bed: Testbed) -> None:
        self._api = bed.api
        self.kept: list[Manifest] = []

    def __call__(self, item: Manifest) -> Manifest:
        """Store *item*, in place of one of that name; its namespace is made where it is missing."""
        if namespace := item["metadata"].get("namespace"):
            self.namespace(namespace)
        self.kept.append(item)
        stored: Manifest = self._api.apply({key: value for key, value in item.items() if key != "status"})
        if "status" in item:
            self._write_status(item)
        return stored

    def namespace(self, name: str, **labels: str) -> None:
        """A namespace, with the ServiceAccount that a controller would make in it."""
        self._api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        account = {"namespace": name, "name": "default"}
        self._api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})

    def _write_status(self, item: Manifest) -> None:
        try:
            self._api.set_status(item, item["status"])
        except ApiError as error:
            if error.status != 404:
                raise
            self._api.patch(item, {"status": item["status"]})  # a kind whose status is a field like others


def expect(gate: Gate, at: Installed, state: str, *words: str) -> Verdict:
    """The verdict of *gate* once it is *state* with these *words*; the API server needs a moment for new webhooks."""
    seen: list[Verdict] = []

    def asked() -> bool:
        seen.append(gate(at))
        return seen[-1].state == state and all(each in seen[-1].words for each in words)

    try:
        poll(asked, f"{state} {words}")
    except TestbedError as error:
        raise AssertionError(f"{seen[-1]} and not {state} {words}") from error
    return seen[-1]


def target(bed: Testbed, program: Path, component: Rendered) -> Target:
    """The cluster of *bed*, as the gates of *component* get it from a user who may do what they are known to need, and
    what its manifests need, and nothing else. They leave Helm alone.
    """
    admin = KubeWriter(KubernetesConfig(kubeconfig=str(bed.kubeconfig)), deadline=Deadline(60), environ={})
    gates = component.component.gates
    wanted = [*_of_manifests(admin, component), *(right for gate in gates for right in RIGHTS.get(gate, ()))]
    rules = [{"apiGroups": [each.group], "resources": [each.resource], "verbs": [each.verb]} for each in wanted]
    account = bed.service_account("default", f"gates-{uuid.uuid4().hex[:8]}", *rules)
    config = KubernetesConfig(kubeconfig=str(account))
    cluster = KubeWriter(config, deadline=Deadline(600), environ={})
    poll(lambda: all(map(cluster.may, wanted)), "the rights granted")
    helm = Helm(config, program=str(program), home=bed.directory / "helm")
    return Target(cluster, helm, Charts(helm, {}, bed.directory))


def _of_manifests(cluster: KubeWriter, component: Rendered) -> Iterator[Right]:
    for version, kind in {(item["apiVersion"], item["kind"]) for item in component.objects()}:
        group = version.rpartition("/")[0]
        yield from rights_of("get create patch", cluster.resource(version, kind).plural, group)


@pytest.fixture(scope="package")
def control_plane() -> Iterator[Testbed]:
    """Its own, because objects of these names mean something to other tests, too."""
    bed = Testbed.start(bare=True)
    try:
        server = KindServer(bed.api)
        templates = rendered.component("none", "policy-templates").objects()
        server.serve_constraints(each for each in templates if each["kind"] == "ConstraintTemplate")
        yield bed
    finally:
        bed.stop()


@pytest.fixture(scope="package")
def targets(control_plane: Testbed, helms: dict[str, Path]) -> Callable[[str], Target]:
    """As the gates of each component get it."""
    return functools.cache(lambda name: target(control_plane, helms["helm"], rendered.component("none", name)))


@pytest.fixture
def component(targets: Callable[[str], Target]) -> Component:
    """`component("velero")` for the site `none`; settings of the site are given by name."""

    def installed(name: str, **settings: Any) -> Installed:
        return Installed(targets(name), replace(rendered.site("none"), **settings), rendered.component("none", name))

    return installed


@pytest.fixture
def webhooks(control_plane: Testbed, tmp_path: Path) -> Iterator[Webhooks]:
    webhooks = Webhooks(control_plane, tmp_path)
    yield webhooks
    webhooks.stop()


@pytest.fixture
def store(control_plane: Testbed) -> Iterator[Store]:
    """Stores objects, each with its status; they are gone after the test."""
    store = Store(control_plane)
    yield store
    for item in reversed(store.kept):
        control_plane.api.delete(item)
