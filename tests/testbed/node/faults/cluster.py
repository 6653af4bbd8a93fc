"""Pods that fit nowhere, claims without volumes, full volumes, Services without pods, webhooks without servers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.testbed.api import ApiError, Object
from tests.testbed.node.faults.base import (
    Expected,
    Shows,
    Trial,
    app,
    both,
    claim,
    condition,
    container,
    event,
    mounting,
    placed,
    ready,
    service,
    waits,
)
from tests.testbed.node.faults.configuration import REGISTRY
from tests.testbed.node.platform import LOCAL
from tests.testbed.process import poll

if TYPE_CHECKING:
    from tests.testbed.node.bed import NodeTestbed

MI = 2**20
UNSCHEDULED = event("FailedScheduling")


def _pending(name: str, cause: str, *objects: Object, **more: Any) -> Trial:
    return Trial(name, objects, UNSCHEDULED, Expected("pod-pending", "Deployment", "api", cause), **more)


def _asks(**requests: str) -> Object:
    return container(resources={"requests": requests, "limits": {k: v for k, v in requests.items() if "/" in k}})


def _apart(name: str) -> Object:
    term = {"labelSelector": {"matchLabels": {"app": name}}, "topologyKey": "kubernetes.io/hostname"}
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def storage_class(name: str, provisioner: str) -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        "volumeBindingMode": "Immediate",
    }


def using(claim_name: str, script: str | None = None) -> Object:
    volume, mount = mounting(claim_name)
    return app("api", container(script, volumeMounts=[mount]), spec={"volumes": [volume]})


PENDING = (
    _pending("pending-cpu", "cpu", app("api", _asks(cpu="64"), replicas=2)),
    _pending("pending-memory", "memory", app("api", _asks(memory="500Gi"))),
    _pending("pending-gpu", "nvidia.com/gpu", app("api", _asks(**{"nvidia.com/gpu": "1"}))),
    _pending("pending-node-selector", "node selector", app("api", spec={"nodeSelector": {"disk": "nvme"}})),
    _pending("pending-taint", "dedicated=batch", app("api", spec={"tolerations": []})),
    _pending(
        "pending-host-port",
        "host port",
        app("api", container(ports=[{"containerPort": 8080, "hostPort": 18080}]), replicas=2),
    ),
    _pending("pending-anti-affinity", "anti-affinity", app("api", replicas=2, spec=_apart("api"))),
    _pending("pending-claim-missing", "claim data does not exist", using("data")),
    # The class is there and binds late; but nobody made a volume for it.
    _pending("pending-no-volume", "volume", claim("data", LOCAL), using("data")),
    Trial(
        "pvc-class-missing",
        (claim("data", "gold"), using("data")),
        both(UNSCHEDULED, event("ProvisioningFailed")),
        Expected("pvc-pending", "PersistentVolumeClaim", "data", "gold"),
    ),
    Trial(
        "pvc-no-provisioner",
        (storage_class("cloud-ssd", "ebs.csi.aws.com"), claim("data", "cloud-ssd"), using("data")),
        both(UNSCHEDULED, event("ExternalProvisioning")),
        Expected("pvc-pending", "PersistentVolumeClaim", "data", "ebs.csi.aws.com"),
    ),
)


# Volumes


def local_volume(name: str, size: int, path: str) -> Object:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["worker-1"]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": str(size)},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": LOCAL,
            "local": {"path": path},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }


def _make_volume(bed: NodeTestbed, name: str, size: int) -> None:
    path = bed.machine.volume(name, size)
    bed.api.apply(local_volume(name, size, str(path)))


def volume_trial(name: str, size: int, script: str, shows: Shows, expect: Expected | None) -> Trial:
    objects = (claim("data", LOCAL, str(size), volumeName=name), using("data", f"{script}; sleep 100000"))
    return Trial(name, objects, shows, expect, before=lambda bed, _: _make_volume(bed, name, size))


def filled(used: str, total: str, above: float) -> Shows:
    """Prometheus knows from the kubelet that a claim of the namespace is filled to a share of more than *above*."""

    def shows(bed: NodeTestbed, namespace: str) -> bool:
        where = f'{{namespace="{namespace}", persistentvolumeclaim="data"}}'
        ratio = f"kubelet_volume_stats_{used}{where} / kubelet_volume_stats_{total}{where}"
        return any(float(sample["value"][1]) > above for sample in bed.stack.query(ratio))

    return shows


FULL = Expected("volume-nearly-full", "PersistentVolumeClaim", "data", "%")
VOLUMES = (
    volume_trial(
        "volume-full",
        64 * MI,
        "dd if=/dev/zero of=/data/wal bs=1M count=54",
        filled("used_bytes", "capacity_bytes", 0.85),
        FULL,
    ),
    volume_trial(
        "volume-without-inodes",
        16 * MI,
        "i=0; while [ $i -lt 3900 ]; do : > /data/$i; i=$((i+1)); done",
        filled("inodes_used", "inodes", 0.9),
        Expected("volume-nearly-full", "PersistentVolumeClaim", "data", "inode"),
    ),
)


# Services and webhooks

NOT_READY = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 3}
SERVER = container("exec httpd -f -p 8080 -h /www", ports=[{"name": "http", "containerPort": 8080}])


HTTPS = [{"name": "https", "port": 443, "targetPort": 8443}]


def webhook(namespace: str, policy: str = "Fail") -> Object:
    """A webhook that is asked about the pods of its own namespace only."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": namespace},
        "webhooks": [
            {
                "name": "pods.policy.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": policy,
                "timeoutSeconds": 2,
                "clientConfig": {"service": {"namespace": namespace, "name": "policy", "path": "/validate"}},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            }
        ],
    }


def _once_served(bed: NodeTestbed, namespace: str) -> None:
    poll(lambda: ready()(bed, namespace), f"the pods of {namespace} ready")
    bed.api.apply(webhook(namespace))
    _once_refused(bed, namespace)


def _once_refused(bed: NodeTestbed, namespace: str, name: str = "api") -> None:
    """Make the Deployment when the webhook is in force."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asks"}, "spec": {"containers": [container()]}}

    def refused() -> bool:
        try:
            bed.api.call("POST", bed.api.path("Pod", namespace), pod, dryRun="All")
        except ApiError as error:
            return "failed calling webhook" in str(error)
        return False

    poll(refused, "the webhook in force")
    bed.api.apply(placed(app(name), namespace))


def _upgrade(image: str, bed: NodeTestbed, namespace: str) -> None:
    poll(lambda: ready(2)(bed, namespace), f"the old pods of {namespace} ready")
    bed.api.apply(placed(app("api", container(image=image), replicas=2, progressDeadlineSeconds=15), namespace))


SERVICES = (
    Trial(
        "service-selects-nothing",
        (app("api", SERVER), service("api", {"app": "apii"})),
        ready(),
        Expected("service-without-endpoints", "Service", "api", "app=apii"),
    ),
    Trial(
        "service-pods-not-ready",
        (app("api", SERVER | {"readinessProbe": NOT_READY}), service("api", {"app": "api"})),
        event("Unhealthy", "Readiness probe failed", times=6),
        Expected("deployment-unavailable", "Deployment", "api", "404"),
    ),
    Trial(
        "service-port-unknown",
        (app("api", SERVER), service("api", {"app": "api"}, ports=[{"name": "http", "port": 80, "targetPort": "web"}])),
        ready(),
        Expected("service-without-endpoints", "Service", "api", "web"),
    ),
    Trial(
        "webhook-fails-closed",
        (webhook("webhook-fails-closed"), service("policy", {"app": "policy"}, ports=HTTPS)),
        event("FailedCreate", "failed calling webhook"),
        Expected(
            "webhook-without-endpoints", "ValidatingWebhookConfiguration", "webhook-fails-closed", "policy", False
        ),
        after=_once_refused,
    ),
    # Its own pods are refused by it, since it is not there: nobody comes out of this by waiting.
    Trial(
        "webhook-blocks-itself",
        (webhook("webhook-blocks-itself"), service("policy", {"app": "policy"}, ports=HTTPS)),
        event("FailedCreate", "failed calling webhook"),
        Expected(
            "webhook-without-endpoints", "ValidatingWebhookConfiguration", "webhook-blocks-itself", "policy", False
        ),
        after=partial(_once_refused, name="policy"),
    ),
    Trial(
        "webhook-port-missing",
        (app("policy", SERVER), service("policy", {"app": "policy"})),
        event("FailedCreate", "failed calling webhook"),
        Expected("webhook-without-endpoints", "ValidatingWebhookConfiguration", "webhook-port-missing", "443", False),
        after=_once_served,
    ),
    Trial(
        "webhook-service-missing",
        (webhook("webhook-service-missing"),),
        event("FailedCreate", "failed calling webhook"),
        Expected(
            "webhook-without-endpoints", "ValidatingWebhookConfiguration", "webhook-service-missing", "policy", False
        ),
        after=_once_refused,
    ),
    Trial(
        "rollout-stuck",
        (app("api", replicas=2),),
        both(waits("ImagePullBackOff"), condition("Deployment", "api", "Progressing", "False")),
        Expected("image-pull-failing", "Deployment", "api", "not found"),
        after=partial(_upgrade, f"{REGISTRY}/missing/api:2.0.0"),
    ),
)

FAULTS = (*PENDING, *VOLUMES, *SERVICES)
