from __future__ import annotations

from hubops.engine.view import View
from hubops.model.finding import Ref
from hubops.model.kube.core import Node, NodeAddress, NodeStatus, Pod, PodSpec
from hubops.model.kube.meta import Object
from hubops.model.kube.workloads import Deployment, Job, StatefulSet
from tests.engine.make import deployment_pods, meta, pod, snapshot


def test_a_pod_belongs_to_its_deployment() -> None:
    pods, owner = deployment_pods("cart", 1)
    assert View(snapshot(*pods, owner)).owner(pods[0]) == Ref("Deployment", "cart", "shop")


def test_without_the_replicaset_it_belongs_to_that() -> None:
    pods, _ = deployment_pods("cart", 1)
    assert View(snapshot(*pods)).owner(pods[0]) == Ref("ReplicaSet", "cart-5d8", "shop")


def test_a_pod_of_a_cronjob_belongs_to_it() -> None:
    job = Job(metadata=meta("nightly-1", "shop", ("CronJob", "nightly")))
    item = pod("nightly-1-x", owner=("Job", "nightly-1"))
    assert View(snapshot(item, job)).owner(item) == Ref("CronJob", "nightly", "shop")


def test_a_static_pod_belongs_to_its_node() -> None:
    item = pod("etcd-n1", "kube-system", ("Node", "n1"))
    assert View(snapshot(item)).owner(item) == Ref("Node", "n1")


def test_a_workload_is_itself_whatever_operator_controls_it() -> None:
    """Its pods roll up to it, so a hit on it must meet theirs there."""
    workload = StatefulSet(metadata=meta("prometheus-main", "monitoring", ("Prometheus", "main")))
    item = pod("prometheus-main-0", "monitoring", ("StatefulSet", "prometheus-main"))
    view = View(snapshot(workload, item))
    assert view.owner(workload) == view.owner(item) == Ref("StatefulSet", "prometheus-main", "monitoring")


def test_a_namesake_in_another_namespace_is_another_object() -> None:
    pods, owner = deployment_pods("cart", 1, "a")
    stray = pod("cart-5d8-0", "b", ("ReplicaSet", "cart-5d8"))
    view = View(snapshot(*pods, owner, stray))
    assert view.owner_of(Ref("Pod", "cart-5d8-0", "b")) == Ref("ReplicaSet", "cart-5d8", "b")


def test_what_the_snapshot_lacks_is_its_own_owner() -> None:
    view = View(snapshot())
    for ref in (Ref("Pod", "gone", "shop"), Ref("App", "x"), Ref("Service", "web", "shop")):
        assert view.owner_of(ref) == ref
        assert view.find(ref) is None
        assert view.metadata(ref) is None


def test_objects_by_reference() -> None:
    node, workload = Node(metadata=meta("n1")), Deployment(metadata=meta("cart", "shop"))
    view = View(snapshot(node, workload))
    found: dict[Ref, Object | None] = {
        ref: view.find(ref) for ref in (Ref("Node", "n1"), Ref("Deployment", "cart", "shop"))
    }
    assert list(found.values()) == [node, workload]


def test_metadata_of_custom_resources() -> None:
    items = (
        {"kind": "Certificate", "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "a"}}},
        {"kind": "Certificate", "metadata": {"name": 3}},
        {"kind": "Certificate"},
    )
    view = View(snapshot(custom={"certificates.cert-manager.io": items}))
    found = view.metadata(Ref("Certificate", "web", "shop"))
    assert found is not None
    assert found.labels == {"team": "a"}


def test_the_node_of_a_series_by_name_address_label_or_pod() -> None:
    addresses = (NodeAddress(type="InternalIP", address="10.0.0.7"), NodeAddress(type="InternalIP", address="fd00::7"))
    node = Node(metadata=meta("worker-1"), status=NodeStatus(addresses=addresses))
    exporter = Pod(metadata=meta("exporter-x", namespace="monitoring"), spec=PodSpec(node_name="worker-1"))
    view = View(snapshot(node, exporter))
    for name in ("worker-1", "worker-1:9100", "10.0.0.7:9100", "10.0.0.7", "[fd00::7]:9100"):
        assert view.node_of(name, {}) == "worker-1"
    assert view.node_of("10.244.0.3:9100", {"node": "worker-1"}) == "worker-1"
    assert view.node_of("10.244.0.3:9100", {"pod": "exporter-x", "namespace": "monitoring"}) == "worker-1"
    assert view.node_of("10.244.0.3:9100", {"pod": "exporter-x"}) == "10.244.0.3:9100"
    assert view.node_of("nfs.example.com:9100", {"node": "nfs"}) == "nfs.example.com:9100"
