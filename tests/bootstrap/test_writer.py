"""Writing to a real API server: whose field it is, what it refuses, and what a dry run leaves."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from hubops.clients.kube.errors import AlreadyExists, Conflict, NotServed
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent
from tests.testbed.bed import Testbed
from tests.testbed.process import poll


def settings(name: str = "", **data: str) -> dict[str, Any]:
    metadata = {"namespace": "default", "name": name or f"settings-{uuid.uuid4().hex[:8]}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_what_is_applied_is_owned_and_applied_again_is_the_same(writer: KubeWriter) -> None:
    item = settings(color="red")
    first = writer.apply(item).object
    again = writer.apply(item).object
    assert first["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"]
    assert [each["manager"] for each in again["metadata"]["managedFields"]] == ["hubops"]
    assert writer.delete(item)
    assert not writer.delete(item)
    assert writer.read(item) is None


def test_a_dry_run_leaves_nothing(writer: KubeWriter) -> None:
    item = settings(color="red")
    assert writer.apply(item, dry_run=True).object["data"] == {"color": "red"}
    assert writer.read(item) is None


def test_a_field_of_somebody_else_is_not_overwritten(writer: KubeWriter, bare_testbed: Testbed) -> None:
    item = settings(color="red")
    bare_testbed.api.apply(item)  # as "testbed"
    other = settings(item["metadata"]["name"], color="blue")
    with pytest.raises(Conflict, match="testbed"):
        writer.apply(other)
    live = writer.read(item)
    assert live
    assert live["data"] == {"color": "red"}
    assert writer.apply(other, take_over=True).object["data"] == {"color": "blue"}


def test_what_the_server_refuses(writer: KubeWriter) -> None:
    with pytest.raises(Permanent, match="field not declared in schema"):
        writer.apply({**settings(), "dtaa": {"a": "b"}})
    with pytest.raises(NotServed, match=r"the cluster does not serve Widget of example\.com/v1"):
        writer.apply({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}})
    with pytest.raises(Permanent, match="nowhere"):
        writer.apply({**settings(), "metadata": {"namespace": "nowhere", "name": "a"}})


def test_a_kind_that_is_new_is_found(writer: KubeWriter) -> None:
    group = f"g{uuid.uuid4().hex[:8]}.example.com"
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}}
    with pytest.raises(NotServed):
        writer.read(widget)
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    definition = writer.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"widgets.{group}"},
            "spec": {"group": group, "scope": "Cluster", "names": names, "versions": [version]},
        }
    ).object
    poll(lambda: f"{group}/v1" in writer.api_versions(), "the new group served")
    writer.apply(widget)
    assert writer.read(widget)
    assert f"{group}/v1/Widget" in writer.api_versions()
    writer.delete(definition)
    poll(lambda: writer.read(definition) is None, "the kind gone again")


def test_what_is_there_already_is_not_created(writer: KubeWriter) -> None:
    item = settings(color="red")
    writer.create(item)
    with pytest.raises(AlreadyExists):
        writer.create(settings(item["metadata"]["name"], color="blue"))


def test_a_replacement_of_an_old_state_is_refused(writer: KubeWriter) -> None:
    first = writer.create(settings(color="red"))
    writer.replace({**first, "data": {"color": "green"}})
    with pytest.raises(Conflict):
        writer.replace({**first, "data": {"color": "blue"}})


def test_another_object_of_the_name_is_not_deleted(writer: KubeWriter) -> None:
    item = writer.create(settings(color="red"))
    with pytest.raises(Permanent):
        writer.delete({**item, "metadata": {**item["metadata"], "uid": str(uuid.uuid4())}})
    assert writer.read(item)


def test_objects_are_found_by_label(writer: KubeWriter) -> None:
    mark = uuid.uuid4().hex[:8]
    item = settings()
    item["metadata"]["labels"] = {"mark": mark}
    writer.apply(item)
    [found] = writer.find("v1", "ConfigMap", "default", f"mark={mark}")
    assert found["metadata"]["name"] == item["metadata"]["name"]
    assert writer.find("v1", "ConfigMap", labels=f"mark={mark}") == [found]


def test_what_the_server_warns_of_is_kept(writer: KubeWriter) -> None:
    container = {"name": "a", "image": "a"}
    labels = {"pod-security.kubernetes.io/warn": "restricted"}
    name = f"warned-{uuid.uuid4().hex[:8]}"
    writer.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
    item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": name, "name": "a"}, "spec": spec}
    warnings = writer.apply(item, dry_run=True).warnings
    assert any("PodSecurity" in said for said in warnings)
