"""What hubops has applied of an object, read back from it: applied again it changes nothing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from hubops.bootstrap.difference import between
from hubops.clients.kube.applied import applied, applied_version
from hubops.clients.kube.errors import Immutable
from hubops.clients.kube.writer import FIELD_MANAGER, KubeWriter
from tests.testbed.bed import Testbed

MARK = uuid.uuid4().hex[:8]
PORTS = [{"port": 53, "name": "dns", "protocol": "UDP"}, {"port": 53, "name": "tcp"}]
CONTAINER: dict[str, Any] = {
    "name": "main", "image": "registry.example.com/main:1", "args": ["-a", "-b"], "ports": [{"containerPort": 80}],
    "env": [{"name": "A", "value": "1"}, {"name": "B"}], "resources": {"requests": {"cpu": "0.5"}},
}  # fmt: skip
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [CONTAINER], "restartPolicy": "Never"},
}
SELECTOR = {"matchLabels": {"app": "a"}}
#: By kind: the version of its API, and two states between which no object can be moved.
UNCHANGEABLE: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "Deployment": (
        "apps/v1",
        {"spec": {"selector": SELECTOR, "template": {**TEMPLATE, "spec": {"containers": [CONTAINER]}}}},
        {"spec": {"selector": {"matchLabels": {"app": "b"}},
                  "template": {"metadata": {"labels": {"app": "b"}}, "spec": {"containers": [CONTAINER]}}}},
        "spec.selector",
    ),
    "StatefulSet": (
        "apps/v1",
        {"spec": {"selector": SELECTOR, "serviceName": "a",
                  "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [CONTAINER]}}}},
        {"spec": {"selector": SELECTOR, "serviceName": "b",
                  "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [CONTAINER]}}}},
        "spec",
    ),
    "Job": (
        "batch/v1",
        {"spec": {"template": TEMPLATE}},
        {"spec": {"template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "priority": 0, "hostname": "b"}}}},
        "spec.template",
    ),
    "Service": (
        "v1",
        {"spec": {"ports": PORTS, "selector": {"app": "a"}}},
        {"spec": {"ports": PORTS, "selector": {"app": "a"}, "clusterIP": "None"}},
        "spec.clusterIPs[0]",
    ),
    "PersistentVolumeClaim": (
        "v1",
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        {"spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}},
        "spec",
    ),
    "ConfigMap": ("v1", {"data": {"a": "b"}, "immutable": True}, {"data": {"a": "c"}, "immutable": True}, "data"),
    "RoleBinding": (
        "rbac.authorization.k8s.io/v1",
        {"roleRef": {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"}},
        {"roleRef": {"kind": "ClusterRole", "name": "edit", "apiGroup": "rbac.authorization.k8s.io"}},
        "roleRef",
    ),
    "PriorityClass": ("scheduling.k8s.io/v1", {"value": 10}, {"value": 20}, "value"),
    "IngressClass": (
        "networking.k8s.io/v1",
        {"spec": {"controller": "example.com/a"}},
        {"spec": {"controller": "example.com/b"}},
        "spec.controller",
    ),
    "StorageClass": (
        "storage.k8s.io/v1",
        {"provisioner": "a.example.com", "parameters": {"type": "a"}, "mountOptions": ["ro"]},
        {"provisioner": "b.example.com", "parameters": {"type": "b"}, "reclaimPolicy": "Retain",
         "volumeBindingMode": "WaitForFirstConsumer"},
        "parameters",
    ),
}  # fmt: skip


def item(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """An object of *kind*; the server leaves the namespace out where the kind has none."""
    metadata = {"name": f"applied-{MARK}-{kind.lower()}", "namespace": "default", "labels": {"mark": MARK}}
    return {"apiVersion": UNCHANGEABLE[kind][0], "kind": kind, "metadata": metadata, **content}


@pytest.mark.parametrize("kind", UNCHANGEABLE)
def test_what_is_read_back_changes_nothing_and_what_cannot_change_is_named(writer: KubeWriter, kind: str) -> None:
    _, first, second, field = UNCHANGEABLE[kind]
    live = writer.apply(item(kind, first)).object
    try:
        mine = applied(live, FIELD_MANAGER)
        assert mine.keys() == item(kind, first).keys()
        again = writer.apply(mine, dry_run=True).object
        assert between(live, again) == ()
        assert applied(again, FIELD_MANAGER) == mine
        with pytest.raises(Immutable) as refused:
            writer.apply(item(kind, second), dry_run=True)
        assert field in refused.value.fields
    finally:
        writer.delete(item(kind, {}))


def test_only_what_is_its_own(writer: KubeWriter, bare_testbed: Testbed) -> None:
    """Fields that others have set beside it, and what the server has filled in, are left out."""
    service = item("Service", {"spec": {"ports": PORTS, "selector": {"app": "a"}}})
    writer.apply(service)
    theirs = [{"port": 80, "name": "http", "protocol": "TCP"}]
    bare_testbed.api.apply(service | {"metadata": {**service["metadata"], "labels": {"team": "a"}},
                                      "spec": {"ports": theirs}})  # fmt: skip
    try:
        live = writer.read(service)
        assert live
        assert len(live["spec"]["ports"]) == 3
        mine = applied(live, FIELD_MANAGER)
        assert mine["metadata"] == service["metadata"]
        assert mine["spec"]["selector"] == {"app": "a"}
        assert [each["name"] for each in mine["spec"]["ports"]] == ["dns", "tcp"]
        assert mine["spec"].keys() == {"ports", "selector"}
    finally:
        writer.delete(service)


def test_the_way_back_to_what_somebody_else_had(writer: KubeWriter, bare_testbed: Testbed) -> None:
    """Of an object that hubops had not applied, there is nothing but the name: applied, it gives all fields back."""
    theirs = item("ConfigMap", {"data": {"a": "1"}})
    live = bare_testbed.api.apply(theirs)
    try:
        nothing = applied(live, FIELD_MANAGER)
        writer.apply(theirs | {"data": {"a": "1", "b": "2"}})
        back = writer.apply(nothing).object
        assert back["data"] == {"a": "1"}
        assert [each["manager"] for each in back["metadata"]["managedFields"]] == ["testbed"]
    finally:
        writer.delete(theirs)


def test_in_the_version_that_it_was_applied_in(writer: KubeWriter) -> None:
    scaler = {
        "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": "default", "name": f"applied-{MARK}"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"},
                 "maxReplicas": 3,
                 "targetCPUUtilizationPercentage": 70},
    }  # fmt: skip
    writer.apply(scaler)
    try:
        live = writer.read({**scaler, "apiVersion": "autoscaling/v2"})
        assert live
        assert live["spec"]["metrics"]
        assert applied_version(live, FIELD_MANAGER) == "autoscaling/v1"
    finally:
        writer.delete(scaler)
