"""A real API server with the real kinds takes every object of the stack as it is, for every site.

The objects are applied as hubops applies them, server-side, but for the namespaces nothing is stored. An unknown or
duplicate field is an error there, and so is a warning here: it says that the object means less than it seems to.
"""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict

import pytest

from tests.stack.apiserver import KindServer
from tests.stack.manifests import EVERYWHERE, Document, documents, named, namespaces
from tests.stack.rendered import rendered
from tests.testbed.api import concurrently

#: Namespaces that every cluster has.
GIVEN = {"default", "kube-system", "kube-public", "kube-node-lease"}


@pytest.mark.parametrize(("stack", "site"), EVERYWHERE)
def test_every_object_is_accepted(server: KindServer, stack: str, site: str) -> None:
    everything = documents(stack, site)
    assert everything
    said = zip(everything, concurrently(server.objections, everything), strict=True)
    found = [f"{document}: {each}" for document, all_said in said for each in all_said]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("stack", "site"), EVERYWHERE)
def test_no_two_components_make_the_same_object(server: KindServer, stack: str, site: str) -> None:
    made: dict[tuple[str, str, str | None, str], list[str]] = defaultdict(list)
    for document in documents(stack, site):
        obj = document.object
        namespace = obj["metadata"].get("namespace") or document.namespace if server.namespaced(document) else None
        group = obj["apiVersion"].rpartition("/")[0]
        made[group, document.kind, namespace, document.name].append(f"{document.component} ({document.file})")
    assert {key: makers for key, makers in made.items() if len(makers) > 1} == {}


@pytest.mark.parametrize(("stack", "site"), EVERYWHERE)
def test_every_namespace_that_is_used_is_made(server: KindServer, stack: str, site: str) -> None:
    used = {each.component.namespace for each in rendered(site, stack).values() if each.component.namespace}
    for document in documents(stack, site):
        if server.namespaced(document):
            namespace = document.object["metadata"].get("namespace") or document.namespace
            assert namespace, f"{document} names no namespace, and its component has none"
            used.add(namespace)
    assert used - GIVEN - namespaces(stack, site).keys() == set()


@pytest.mark.parametrize(("stack", "site"), EVERYWHERE)
def test_every_priority_class_that_is_named_is_made(stack: str, site: str) -> None:
    made = {document.name for document in documents(stack, site) if document.kind == "PriorityClass"}
    used = {(name, each) for name, every in rendered(site, stack).items() for each in named(every, "priorityClassName")}
    assert {each for each in used if each[1] not in made | {"system-cluster-critical", "system-node-critical"}} == set()


def test_every_kind_that_is_made_is_looked_at_closely(server: KindServer) -> None:
    """A definition that takes any field would accept everything: none of ours does."""
    kinds = {(each.object["apiVersion"], each.kind): each for where in EVERYWHERE for each in documents(*where)}
    for document in kinds.values():
        obj = dict(document.object)
        inner = "spec" if isinstance(obj.get("spec"), dict) else "metadata"
        wrong = {**obj, inner: {**obj[inner], "unheardOf": "x"}}
        said = server.objections(dataclasses.replace(document, text=json.dumps(wrong)))
        assert any("unheardOf" in each for each in said), f"{document}: {said}"


SERVICE_MONITOR = """
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: shown}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: shown}}
  endpoints: [{port: metrics}]
"""


@pytest.mark.parametrize(
    ("text", "objection"),
    [
        (SERVICE_MONITOR + "  podTargetLabel: [team]\n", "podTargetLabel"),
        (SERVICE_MONITOR + "  jobLabel: a\n  jobLabel: b\n", 'key "jobLabel" already set'),
        (SERVICE_MONITOR.replace("metrics}", "{}}"), "spec.endpoints[0].port"),
        (SERVICE_MONITOR.replace("/v1", "/v9"), "no definition in tests/crds serves monitoring.coreos.com/v9"),
        (SERVICE_MONITOR.replace("shown}\nspec", "shown, namespace: nowhere}\nspec"), '"nowhere" not found'),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: http}]}", "port"),
    ],
)  # fmt: skip
def test_what_is_not_accepted(server: KindServer, text: str, objection: str) -> None:
    said = server.objections(Document("shown.yaml", text, "default", "shown"))
    assert any(objection in each for each in said), said


def test_a_warning_is_an_objection(server: KindServer) -> None:
    endpoints = "apiVersion: v1\nkind: Endpoints\nmetadata: {name: a}"
    said = server.objections(Document("shown.yaml", endpoints, "default", "shown"))
    assert any("deprecated" in each for each in said), said


def test_a_constraint_is_judged_by_its_template(server: KindServer) -> None:
    schema = {"type": "object", "properties": {"labels": {"type": "array", "items": {"type": "string"}}}}
    names = {"names": {"kind": "ShownLabels"}, "validation": {"openAPIV3Schema": schema}}
    server.serve_constraints([{"spec": {"crd": {"spec": names}}}])
    head = "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: ShownLabels\nmetadata: {name: a}\n"
    for spec, objection in {
        "{match: {excludedNamespaces: [kube-*]}, enforcementAction: dryrun, parameters: {labels: [team]}}": "",
        "{match: {exceptNamespaces: [kube-*]}}": "exceptNamespaces",
        "{parameters: {label: [team]}}": "label",
        "{enforcement: deny}": "enforcement",
    }.items():
        said = server.objections(Document("shown.yaml", f"{head}spec: {spec}", None, "shown"))
        assert len(said) == bool(objection), said
        assert all(objection in each for each in said), said
