"""Components that are objects: namespaces with labels, storage classes with one default, network policies."""

from __future__ import annotations

from hubops.bootstrap.gates import GATES
from hubops.bootstrap.gates.namespaces import namespaces_labelled, network_policies_present
from hubops.bootstrap.gates.storage import storage_classes_served
from hubops.clients.kube.writer import KubeWriter
from tests.bootstrap.gates.conftest import Component, Store, expect
from tests.testbed.bed import Testbed

DEFAULT = "storageclass.kubernetes.io/is-default-class"


def applied(cluster: KubeWriter, store: Store, *items: dict[str, object]) -> None:
    """As an installation applies them, and as a test has to take them away."""
    for item in items:
        store.kept.append(item)
        cluster.apply(item, take_over=True)


def test_namespaces(component: Component, control_plane: Testbed) -> None:
    at = component("namespaces")
    items = list(at.rendered.objects())
    spaces = [item for item in items if item["kind"] == "Namespace"]
    for item in sorted(items, key=lambda item: item["kind"] != "Namespace"):
        at.target.cluster.apply(item, take_over=True)
    expect(namespaces_labelled, at, "passed", f"{len(spaces)} namespaces with their labels")
    first = spaces[0]["metadata"]["name"]
    control_plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": first, "labels": {
        "pod-security.kubernetes.io/enforce": "privileged"}}})  # fmt: skip
    expect(namespaces_labelled, at, "waiting", f"Namespace {first} was changed since", "pod-security", "testbed")
    at.target.cluster.apply(spaces[0], take_over=True)
    expect(namespaces_labelled, at, "passed")


def test_storage_classes(component: Component, store: Store, control_plane: Testbed) -> None:
    at = component("storage")
    items = list(at.rendered.objects())
    expect(storage_classes_served, at, "waiting", "StorageClass fast-ssd is missing")
    applied(at.target.cluster, store, *items)
    expect(storage_classes_served, at, "waiting", "no CSI driver ")
    for name in {item["provisioner"] for item in items if item["kind"] == "StorageClass"}:
        store({"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": name}})
    expect(storage_classes_served, at, "passed", "standard-ssd is the default")

    other = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "ebs.csi.aws.com",
             "metadata": {"name": "gp2", "annotations": {DEFAULT: "true"}}}  # fmt: skip
    store(other)
    expect(
        storage_classes_served,
        at,
        "waiting",
        "gp2, standard-ssd all are",
        f"kubectl annotate storageclass gp2 {DEFAULT}-",
    )
    control_plane.api.delete(other)
    store.kept.remove(other)
    expect(storage_classes_served, at, "passed")


def test_network_policies(component: Component, store: Store, control_plane: Testbed) -> None:
    at = component("network-policies")
    items = list(at.rendered.objects())
    for name in {item["metadata"]["namespace"] for item in items}:
        store.namespace(name)
    expect(network_policies_present, at, "waiting", "is missing")
    applied(at.target.cluster, store, *items)
    expect(network_policies_present, at, "passed", f"{len(items)} objects", "enforcement is the network plugin's")
    control_plane.api.delete(items[0])
    expect(network_policies_present, at, "waiting", f"{items[0]['metadata']['name']} is missing")


def test_where_nodes_are_simulated_what_cannot_be_had_is_not_waited_for(component: Component, store: Store) -> None:
    at = component("velero")
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "real"}}
    fake = {**node, "metadata": {"name": "fake", "annotations": {"kwok.x-k8s.io/node": "fake"}}}
    store(fake)
    expect(
        GATES["backup-location-available"], at, "untried", "simulated nodes (kwok): there is no BackupStorageLocation"
    )
    store(node)
    expect(GATES["backup-location-available"], at, "waiting", "there is no BackupStorageLocation")
