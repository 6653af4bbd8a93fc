"""Builders of Kubernetes objects: what a careful team would write, so that only what a fault changes is wrong."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
MANUAL = "testbed.hubops.io/manual"
POD_IP = "testbed.hubops.io/pod-ip"


def meta(namespace: str | None, name: str, labels: dict[str, str] | None = None, **more: Any) -> Object:
    built: Object = {"name": name, **more}
    if namespace:
        built["namespace"] = namespace
    if labels:
        built["labels"] = labels
    return built


def app_labels(app: str) -> dict[str, str]:
    return {"app": app, "app.kubernetes.io/name": app}


def container(name: str, image: str, port: int = 8080, cpu: str = "100m", memory: str = "128Mi") -> Object:
    probe = {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10}
    return {
        "name": name,
        "image": image,
        "ports": [{"name": "http", "containerPort": port}],
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
        "readinessProbe": probe,
        "livenessProbe": probe,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def pod_template(
    app: str, image: str, *, annotations: dict[str, str] | None = None, pod: Object | None = None, **limits: Any
) -> Object:
    return {
        "metadata": {"labels": app_labels(app), "annotations": annotations or {}},
        "spec": {
            "containers": [container(app, image, **limits)],
            "automountServiceAccountToken": False,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            **(pod or {}),
        },
    }


def deployment(
    namespace: str, name: str, image: str | None = None, replicas: int = 2, *, spec: Object | None = None, **pod: Any
) -> Object:
    template = pod_template(name, image or f"registry.example.com/{namespace}/{name}:1.4.2", **pod)
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(namespace, name, app_labels(name)),
        "spec": {"replicas": replicas, "selector": selector, "template": template, **(spec or {})},
    }


def stateful_set(
    namespace: str, name: str, image: str, replicas: int, size: str, storage_class: str = "fast-ssd", **pod: Any
) -> Object:
    template = pod_template(name, image, **pod)
    template["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta(namespace, name, app_labels(name)),
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            "volumeClaimTemplates": [
                {"metadata": {"name": "data"}, "spec": claim_spec(size, storage_class)},
            ],
        },
    }


def daemon_set(namespace: str, name: str, image: str, **pod: Any) -> Object:
    everywhere = {"tolerations": [{"operator": "Exists"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": meta(namespace, name, app_labels(name)),
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(name, image, pod=everywhere, **pod),
        },
    }


def service(
    namespace: str,
    name: str,
    selector: dict[str, str] | None,
    port: int = 80,
    *,
    port_name: str = "http",
    target: int | str = "http",
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> Object:
    ports = [{"name": port_name, "port": port, "targetPort": target, "protocol": "TCP"}]
    body: Object = {"ports": ports, **spec}
    if selector is not None:
        body["selector"] = selector
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(namespace, name, labels), "spec": body}


def claim_spec(size: str, storage_class: str) -> Object:
    return {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        "resources": {"requests": {"storage": size}},
    }


def claim(namespace: str, name: str, size: str, storage_class: str = "fast-ssd") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta(namespace, name),
        "spec": claim_spec(size, storage_class),
    }


def volume(namespace: str, claim_name: str, size: str, storage_class: str = "fast-ssd") -> Object:
    """A volume as a CSI provisioner leaves it, meant for one claim."""
    name = f"pvc-{namespace}-{claim_name}"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": meta(None, name, annotations={"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"}),
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": namespace,
                "name": claim_name,
            },
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-{name}", "fsType": "ext4"},
        },
    }


def volumes_of(stateful: Object) -> list[Object]:
    """One volume for each claim that a StatefulSet will make."""
    name, namespace, spec = stateful["metadata"]["name"], stateful["metadata"]["namespace"], stateful["spec"]
    template = spec["volumeClaimTemplates"][0]
    size, storage_class = template["spec"]["resources"]["requests"]["storage"], template["spec"]["storageClassName"]
    prefix = f"{template['metadata']['name']}-{name}"
    return [volume(namespace, f"{prefix}-{ordinal}", size, storage_class) for ordinal in range(spec["replicas"])]


def job_template(namespace: str, name: str) -> Object:
    template = pod_template(name, f"registry.example.com/{namespace}/{name}:2.0.1", pod={"restartPolicy": "Never"})
    for probe in ("readinessProbe", "livenessProbe"):
        del template["spec"]["containers"][0][probe]
    return {"template": template, "backoffLimit": 2}


def job(namespace: str, name: str) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta(namespace, name),
        "spec": job_template(namespace, name),
    }


def cron_job(namespace: str, name: str, schedule: str, *, suspend: bool = False) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": meta(namespace, name),
        "spec": {
            "schedule": schedule,
            "suspend": suspend,
            "concurrencyPolicy": "Forbid",
            "jobTemplate": {"spec": job_template(namespace, name)},
        },
    }


def disruption_budget(namespace: str, name: str) -> Object:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta(namespace, name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}},
    }


def validating_webhook(name: str, namespace: str, service_name: str, resource: tuple[str, str, str]) -> Object:
    """A webhook that fails closed, but is asked only about objects with a label that nothing has."""
    group, version, plural = resource
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": meta(None, name),
        "webhooks": [
            {
                "name": f"validate.{name}.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 5,
                "clientConfig": {"service": {"namespace": namespace, "name": service_name, "path": "/validate"}},
                "objectSelector": {"matchLabels": {"testbed.hubops.io/validate": name}},
                "rules": [
                    {
                        "apiGroups": [group],
                        "apiVersions": [version],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [plural],
                    }
                ],
            }
        ],
    }
