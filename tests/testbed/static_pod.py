"""One pod of the large cluster at rest: two containers, environment, volumes, probes; about as big as real ones are."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from tests.testbed.api import Object, now
from tests.testbed.objects import app_labels, meta

AGE = dt.timedelta(days=9)
_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


def _probe(path: str) -> Object:
    return {
        "httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
        "initialDelaySeconds": 5,
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


def _container(name: str, image: str, variables: int) -> Object:
    environment: list[Object] = [
        {"name": f"APP_SETTING_{n:02}", "value": f"https://service-{n}.example.internal:8443/api/v2"}
        for n in range(variables)
    ]
    environment += [
        {"name": f"APP_SECRET_{n}", "valueFrom": {"secretKeyRef": {"name": name, "key": f"key-{n}"}}} for n in range(4)
    ]
    environment.append(
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}
    )
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["--listen=:8080", "--log-format=json", f"--name={name}", "--shutdown-timeout=30s"],
        "env": environment,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
        "livenessProbe": _probe("/healthz"),
        "readinessProbe": _probe("/readyz"),
        "startupProbe": _probe("/healthz"),
        "securityContext": {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/app", "readOnly": True},
            {"name": "cache", "mountPath": "/var/cache/app"},
            {"name": "kube-api-access", "mountPath": _TOKEN, "readOnly": True},
        ],
    }


def pod_spec(namespace: str, name: str) -> Object:
    projected: list[Object] = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
    return {
        "containers": [
            _container(name, f"registry.example.com/{namespace}/{name}:1.4.2", 24),
            _container("proxy", "docker.io/istio/proxyv2:1.20.0", 16),
        ],
        "volumes": [
            {"name": "config", "configMap": {"name": f"{name}-config", "defaultMode": 420}},
            {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": projected}},
        ],
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "labelSelector": {"matchLabels": {"app": name}},
                            "topologyKey": "topology.kubernetes.io/zone",
                        },
                    }
                ]
            }
        },
        "serviceAccountName": name,
        "serviceAccount": name,
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {"fsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "priority": 0,
        "preemptionPolicy": "PreemptLowerPriority",
        "enableServiceLinks": True,
        "tolerations": [
            {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in ("not-ready", "unreachable")
        ],
    }


def _state(container: Object, broken: bool) -> Object:
    running = {"running": {"startedAt": now(AGE)}}
    status: dict[str, Any] = {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"{container['image'].rpartition(':')[0]}@sha256:{'4c0fdaa8' * 8}",
        "containerID": f"containerd://{uuid.uuid5(uuid.NAMESPACE_OID, container['name']).hex * 2}",
        "ready": not broken,
        "started": not broken,
        "restartCount": 31 if broken else 0,
        "state": running,
        "lastState": {},
    }
    if broken:
        died = {"exitCode": 1, "reason": "Error", "startedAt": now(dt.timedelta(minutes=3)),
                "finishedAt": now(dt.timedelta(minutes=2))}  # fmt: skip
        message = f"back-off 5m0s restarting failed container={container['name']}"
        status["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        status["lastState"] = {"terminated": died}
    return status


def pod(namespace: str, app: str, index: int, node: str, owner: list[Object], broken: bool) -> Object:
    name = f"{app}-5d5f8c7b9d-{index:05}"
    spec = pod_spec(namespace, app) | {"nodeName": node}
    address = f"10.{64 + index // 62500}.{index // 250 % 250}.{index % 250 + 1}"
    labels = app_labels(app) | {"pod-template-hash": "5d5f8c7b9d", "app.kubernetes.io/part-of": namespace,
                                "app.kubernetes.io/version": "1.4.2"}  # fmt: skip
    notes = {"checksum/config": "9f86d081884c7d65" * 4, "prometheus.io/scrape": "true", "prometheus.io/port": "8080",
             "kubectl.kubernetes.io/restartedAt": now(AGE)}  # fmt: skip
    ready = "False" if broken else "True"
    conditions = {"PodReadyToStartContainers": "True", "Initialized": "True", "Ready": ready, "ContainersReady": ready,
                  "PodScheduled": "True"}  # fmt: skip
    states = [_state(container, broken and number == 0) for number, container in enumerate(spec["containers"])]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(namespace, name, labels, annotations=notes, ownerReferences=owner),
        "spec": spec,
        "status": {
            "phase": "Running",
            "qosClass": "Burstable",
            "startTime": now(AGE),
            "hostIP": "10.0.0.1",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [
                {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": now(AGE)}
                for kind, status in conditions.items()
            ],
            "containerStatuses": states,
        },
    }
