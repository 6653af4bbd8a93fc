"""An application for backups and drills: hundreds of objects of two dozen kinds, with a CRD of its own and volumes.

Everything is named after its namespace, so that several can stand beside one another.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from tests.testbed import objects
from tests.testbed.api import Object
from tests.testbed.objects import meta

#: The application's own kind.
GROUP, VERSION = "shop.example.com", "shop.example.com/v1"
DEPLOYMENTS = ("web", "cart", "payments", "search", "mail", "assets")
STATEFUL_SET, CLAIMS = "db", ("data-db-0", "data-db-1")
CONFIG_MAPS, SECRETS, WIDGETS = 100, 30, 60
#: The namespace controller waits for half of the time that pods have to end.
_QUICK = {"terminationGracePeriodSeconds": 1}
_RBAC = "rbac.authorization.k8s.io"


def nodes() -> Iterator[Object]:
    """Two nodes that kwok plays, with room for everything."""
    for name in ("velero-a", "velero-b"):
        room = {"cpu": "64", "memory": "256Gi", "pods": "500"}
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": meta(None, name, labels, annotations={"kwok.x-k8s.io/node": "fake"}),
            "status": {"capacity": room, "allocatable": room},
        }


def definition() -> Object:
    """The CRD of Widgets, which have a status of their own."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
               "schema": {"openAPIV3Schema": schema}}  # fmt: skip
    names = {"kind": "Widget", "listKind": "WidgetList", "plural": "widgets", "singular": "widget"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta(None, name, {"team": "shop"})}


def application(name: str, storage_class: str | None, *, few: bool = False) -> Iterator[Object]:
    """All that stands in namespace *name*, and the cluster-scoped objects that are named after it.

    Without a *storage_class* there are no claims, and no StatefulSet that has them. *few* is a tenth of its settings,
    credentials and Widgets, and all else.
    """
    yield from _settings(name, 10 if few else 1)
    yield from _identities(name)
    yield from _workloads(name, storage_class)
    yield from _traffic(name)
    for index in range(WIDGETS // (10 if few else 1)):
        spec = {"colour": ("red", "green", "blue")[index % 3], "size": index}
        yield {
            "apiVersion": VERSION,
            "kind": "Widget",
            "metadata": meta(name, f"widget-{index:03d}"),
            "spec": spec,
            "status": {"ready": True},
        }


def _settings(name: str, part: int) -> Iterator[Object]:
    for index in range(CONFIG_MAPS // part):
        data = {"index": str(index), "settings.yaml": f"mode: production\nreplicas: {index}\n"}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name, f"settings-{index:03d}"), "data": data}
    for index in range(SECRETS // part):
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": meta(name, f"credentials-{index:02d}"),
            "stringData": {"user": "shop", "value": secrets.token_hex(16)},
        }
    hard = {"count/deployments.apps": "50", "pods": "200"}
    yield {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta(name, "most"), "spec": {"hard": hard}}
    limits = [{"type": "Container", "defaultRequest": {"cpu": "10m"}, "default": {"memory": "64Mi"}}]
    yield {"apiVersion": "v1", "kind": "LimitRange", "metadata": meta(name, "usual"), "spec": {"limits": limits}}


def _identities(name: str) -> Iterator[Object]:
    for app in DEPLOYMENTS:
        yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(name, app)}
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]
        yield {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": meta(name, app), "rules": rules}
        yield _binding("RoleBinding", meta(name, app), {"kind": "Role", "name": app}, name, app)
    role = f"{name}-nodes"
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]
    yield {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": meta(None, role), "rules": rules}
    yield _binding("ClusterRoleBinding", meta(None, role), {"kind": "ClusterRole", "name": role}, name, "web")


def _binding(kind: str, metadata: Object, role: Object, namespace: str, account: str) -> Object:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC, **role},
        "subjects": [subject],
    }


def _workloads(name: str, storage_class: str | None) -> Iterator[Object]:
    for index, app in enumerate(DEPLOYMENTS):
        yield objects.deployment(name, app, replicas=1 + index % 2, pod={"serviceAccountName": app} | _QUICK)
        yield objects.disruption_budget(name, app)
        yield _autoscaler(name, app)
    if storage_class:
        image = f"registry.example.com/{name}/db:16.3"
        yield objects.stateful_set(name, STATEFUL_SET, image, len(CLAIMS), "64Mi", storage_class, pod=_QUICK)
    yield objects.cron_job(name, "report", "*/5 * * * *")
    yield objects.cron_job(name, "compaction", "0 4 * * *", suspend=True)
    yield objects.job(name, "migrate-0042")


def _autoscaler(name: str, app: str) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": app}
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": meta(name, app),
        "spec": {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": target, "metrics": [metric]},
    }


def _traffic(name: str) -> Iterator[Object]:
    for app in DEPLOYMENTS:
        yield objects.service(name, app, {"app": app})
    yield objects.service(name, STATEFUL_SET, {"app": STATEFUL_SET}, 5432, port_name="sql", clusterIP="None")
    yield objects.service(name, "public", {"app": "web"}, type="LoadBalancer")
    yield objects.service(name, "by-node", {"app": "web"}, type="NodePort")
    outside = {"type": "ExternalName", "externalName": "partner.example.com"}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": meta(name, "partner"), "spec": outside}
    for app in ("web", "cart", "search"):
        backend = {"service": {"name": app, "port": {"name": "http"}}}
        rule = {"host": f"{app}.{name}.example.com",
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}  # fmt: skip
        yield {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": meta(name, app),
            "spec": {"rules": [rule], "tls": [{"hosts": [rule["host"]], "secretName": "credentials-00"}]},
        }
    for app in ("web", "db"):
        yield {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": meta(name, app),
            "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress"], "ingress": [{}]},
        }
