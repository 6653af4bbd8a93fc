"""Images that do not come, configuration that is not there, and pods that are refused."""

from __future__ import annotations

from typing import Any

from tests.testbed.api import Object
from tests.testbed.node.faults.base import Expected, Trial, app, container, event, phase, waits

REGISTRY = "registry.example.com:5000"


def _image(name: str, image: str, cause: str, *reasons: str, **more: Any) -> Trial:
    return Trial(
        name,
        (app("api", container(image=image, **more), replicas=2),),
        waits(*(reasons or ("ImagePullBackOff",))),
        Expected("image-pull-failing", "Deployment", "api", cause),
    )


def _from(kind: str, name: str, key: str) -> Object:
    return {"name": "SETTING", "valueFrom": {f"{kind}KeyRef": {"name": name, "key": key}}}


def mounted(source: Object) -> Object:
    """A Deployment whose pods mount a volume from *source*."""
    one = container(volumeMounts=[{"name": "files", "mountPath": "/files"}])
    return app("api", one, spec={"volumes": [{"name": "files", **source}]})


def _quota(hard: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": hard}}


IMAGES = (
    _image("image-not-found", f"{REGISTRY}/missing/api:1.2.3", "not found"),
    _image("image-unauthorized", f"{REGISTRY}/private/api:1.2.3", "credentials"),
    _image("image-denied", f"{REGISTRY}/denied/api:1.2.3", "denied"),
    _image("image-rate-limited", f"{REGISTRY}/limited/api:1.2.3", "rate"),
    _image("image-registry-broken", f"{REGISTRY}/broken/api:1.2.3", "500"),
    _image("image-registry-unreachable", "registry.invalid/shop/api:1.2.3", "registry"),
    _image("image-connection-refused", "localhost:5999/shop/api:1.2.3", "refused"),
    _image("image-never-pull", "shop/api:1.2.3", "pull policy is Never", "ErrImageNeverPull", imagePullPolicy="Never"),
    _image("image-name-invalid", "Shop/API:1.2.3", "not a valid", "InvalidImageName"),
    Trial(
        "image-of-init-container",
        (app("api", spec={"initContainers": [container(name="migrate", image=f"{REGISTRY}/missing/migrate:9")]}),),
        waits("ImagePullBackOff"),
        Expected("image-pull-failing", "Deployment", "api", "not found"),
    ),
    Trial(
        "image-pull-secret-missing",
        (app("api", container(image=f"{REGISTRY}/private/web:7"), spec={"imagePullSecrets": [{"name": "regcred"}]}),),
        waits("ImagePullBackOff"),
        Expected("image-pull-failing", "Deployment", "api", "regcred"),
    ),
)

CONFIGURATION = (
    Trial(
        "config-map-missing",
        (app("api", container(envFrom=[{"configMapRef": {"name": "api-settings"}}])),),
        waits("CreateContainerConfigError"),
        Expected("pod-config-error", "Deployment", "api", "api-settings"),
    ),
    Trial(
        "secret-key-missing",
        (
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"user": "api"}},
            app("api", container(env=[_from("secret", "db", "password")])),
        ),
        waits("CreateContainerConfigError"),
        Expected("pod-config-error", "Deployment", "api", "password"),
    ),
    Trial(
        "secret-volume-missing",
        (mounted({"secret": {"secretName": "api-tls"}}),),
        event("FailedMount", "api-tls"),
        Expected("pod-config-error", "Deployment", "api", "Secret api-tls does not exist"),
    ),
    Trial(
        "config-map-volume-missing",
        (mounted({"configMap": {"name": "nginx"}}),),
        event("FailedMount", "nginx"),
        Expected("pod-config-error", "Deployment", "api", "ConfigMap nginx does not exist"),
    ),
    Trial(
        "config-map-volume-key-missing",
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nginx"}, "data": {"mime.types": ""}},
            mounted({"configMap": {"name": "nginx", "items": [{"key": "nginx.conf", "path": "nginx.conf"}]}}),
        ),
        event("FailedMount", "nginx.conf"),
        Expected("pod-config-error", "Deployment", "api", "nginx.conf"),
    ),
    Trial(
        "host-path-missing",
        (mounted({"hostPath": {"path": "/srv/models", "type": "Directory"}}),),
        event("FailedMount", "/srv/models"),
        Expected("pod-pending", "Deployment", "api", "/srv/models"),
    ),
    Trial(
        "network-volume-fails",
        (mounted({"nfs": {"server": "10.99.99.99", "path": "/exports/models"}}),),
        event("FailedMount", "mount failed"),
        Expected("pod-pending", "Deployment", "api", "10.99.99.99:/exports/models"),
    ),
    Trial(
        "sandbox-cannot-be-created",
        (
            {
                "apiVersion": "node.k8s.io/v1",
                "kind": "RuntimeClass",
                "metadata": {"name": "gvisor"},
                "handler": "runsc",
            },
            app("api", spec={"runtimeClassName": "gvisor"}),
        ),
        event("FailedCreatePodSandBox"),
        Expected("pod-pending", "Deployment", "api", "runsc"),
    ),
    Trial(
        "readiness-gate-closed",
        (app("api", spec={"readinessGates": [{"conditionType": "target-health.elbv2.k8s.aws/shop"}]}),),
        phase("Running"),
        Expected("deployment-unavailable", "Deployment", "api", "target-health.elbv2.k8s.aws/shop"),
    ),
    Trial(
        "runs-as-root",
        (app("api", spec={"securityContext": {"runAsNonRoot": True}}),),
        waits("CreateContainerConfigError"),
        Expected("pod-config-error", "Deployment", "api", "runAsNonRoot"),
    ),
)

REFUSED = (
    Trial(
        "quota-exceeded",
        (_quota({"pods": "1"}), app("api", replicas=3)),
        event("FailedCreate", "exceeded quota"),
        Expected("deployment-unavailable", "Deployment", "api", "exceeded quota"),
    ),
    Trial(
        "pod-security-violated",
        (app("api"),),
        event("FailedCreate", "violates PodSecurity"),
        Expected("deployment-unavailable", "Deployment", "api", "PodSecurity"),
        labels={"pod-security.kubernetes.io/enforce": "restricted"},
    ),
    Trial(
        "service-account-missing",
        (app("api", spec={"serviceAccountName": "api"}),),
        event("FailedCreate", 'serviceaccount "api" not found'),
        Expected("deployment-unavailable", "Deployment", "api", "serviceaccount"),
    ),
)

FAULTS = (*IMAGES, *CONFIGURATION, *REFUSED)
