"""What is told about a workload that does not get ready, on real pods with real events and logs; secrets are not."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hubops.bootstrap.apply.trouble import RUNBOOKS, trouble
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.engine import catalog
from tests.testbed.bed import Testbed
from tests.testbed.process import poll
from tests.testbed.telemetry import container_log

Item = dict[str, Any]
IMAGE = "registry.example.com/cart:1"


@pytest.fixture
def cluster(bed: Testbed) -> KubeWriter:
    return KubeWriter(KubernetesConfig(kubeconfig=str(bed.kubeconfig)), deadline=Deadline(300), environ={})


@pytest.fixture
def namespace(bed: Testbed) -> Iterator[str]:
    name = f"trouble-{uuid.uuid4().hex[:6]}"
    item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    bed.api.apply(item)
    yield name
    bed.api.delete(item)


@pytest.fixture
def cart(bed: Testbed, namespace: str) -> Callable[[Item], tuple[Item, Item]]:
    """A Deployment whose one pod has the status of its container that is given; both of them."""

    def make(status: Item) -> tuple[Item, Item]:
        labels = {"app": "cart"}
        metadata = {"labels": labels, "annotations": {"testbed.hubops.io/manual": "yes"}}
        template = {"metadata": metadata, "spec": {"containers": [{"name": "main", "image": IMAGE}]}}
        deployment = {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": namespace, "name": "cart"},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }  # fmt: skip
        bed.api.apply(deployment)
        poll(lambda: any(each["spec"].get("nodeName") for each in bed.api.list("Pod", namespace)), "a pod on its node")
        [pod] = bed.api.list("Pod", namespace)
        pod |= {"apiVersion": "v1", "kind": "Pod"}
        container = {"name": "main", "image": IMAGE, "imageID": "", "ready": False, "restartCount": 0}
        bed.api.set_status(pod, {"phase": "Pending", "containerStatuses": [container | status]})
        return deployment, pod

    return make


def test_an_image_that_cannot_be_pulled(
    bed: Testbed, cluster: KubeWriter, namespace: str, cart: Callable[[Item], tuple[Item, Item]]
) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image\x1b[31m"}
    deployment, pod = cart({"state": {"waiting": waiting}})
    bed.api.event(pod, "Failed", "unauthorized: password=hunter2hunter2", "kubelet")
    told = "\n".join(trouble(cluster, "0 of 1 pods ready", lambda: [deployment], namespace))
    assert told.startswith(f"Deployment {namespace}/cart:\n")
    name = pod["metadata"]["name"]
    assert f"Pod {name}: Failed: unauthorized: password=[redacted]" in told
    assert f"Pod {name}, container main: ImagePullBackOff Back-off pulling image\\x1b[31m" in told
    assert told.endswith("what to do: hubops runbook image-pull-failing")


def test_a_container_that_dies(
    bed: Testbed, cluster: KubeWriter, namespace: str, cart: Callable[[Item], tuple[Item, Item]]
) -> None:
    ended = {"terminated": {"exitCode": 3, "reason": "Error"}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    deployment, pod = cart({"state": waiting, "lastState": ended, "restartCount": 2})
    told = trouble(cluster, "0 of 1 pods ready", lambda: [deployment], namespace)
    words = "CrashLoopBackOff back-off 10s, exited with 3 (Error)"
    assert f"  Pod {pod['metadata']['name']}, container main: {words}" in told
    assert told[-1] == "what to do: hubops runbook pod-crash-looping"
    text = ["one", "two", "three", "four", "connecting with token=abcdef0123456789abcdef", "no such host"]
    container_log(bed, pod, [(1.7e9 + number, line) for number, line in enumerate(text)])
    poll(lambda: served(bed, pod), "the log of the pod")
    told = trouble(cluster, "0 of 1 pods ready", lambda: [deployment], namespace)
    at = told.index("    | two")
    assert told[at + 3 : at + 5] == ("    | connecting with token=[redacted]", "    | no such host")
    assert "    | one" not in told


def served(bed: Testbed, pod: Item) -> bool:
    """Whether the kubelet that kwok plays knows what the container said in its run before."""
    path = bed.api.path("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"]) + "/log"
    return bed.api.session.get(f"{bed.server}{path}?previous=true&container=main", timeout=10).ok


def test_without_an_unready_workload_the_warnings_of_the_namespace(
    bed: Testbed, cluster: KubeWriter, namespace: str
) -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": namespace, "name": "data"}}
    bed.api.event(claim, "ProvisioningFailed", "no such class", "controller")
    told = trouble(cluster, "the gate", list, namespace)
    assert told[0] == "  PersistentVolumeClaim data: ProvisioningFailed: no such class"
    assert told[1:] == ("what to do: hubops runbook pvc-pending",)


def test_nothing_that_cannot_be_read_hides_the_failure(bed: Testbed, namespace: str) -> None:
    nobody = bed.service_account(namespace, "nobody")
    cluster = KubeWriter(KubernetesConfig(kubeconfig=str(nobody)), deadline=Deadline(300), environ={})
    [told] = trouble(cluster, "the gate", list, namespace)
    assert told.startswith("more could not be read: ")


def test_every_runbook_is_one_of_hubops() -> None:
    known = {check.id for check in catalog.load().checks}
    assert {runbook for _, runbook in RUNBOOKS} <= known
