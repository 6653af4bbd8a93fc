"""The healthy platform: six nodes in three zones, three teams, and the stack that watches them.

Nothing is wrong in it, but some healthy things look like faults at a first glance.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.testbed import telemetry
from tests.testbed.api import Object, concurrently, load, now
from tests.testbed.objects import (
    POD_IP,
    cron_job,
    daemon_set,
    deployment,
    disruption_budget,
    job,
    meta,
    service,
    stateful_set,
    validating_webhook,
    volumes_of,
)
from tests.testbed.process import poll

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

PLATFORM = Path(__file__).parent / "platform"
#: Of what is on this platform; what nothing here has, as Gatekeeper and Istio, would only cost time.
CRDS = [
    Path(__file__).parents[1] / "crds" / f"{project}.yaml"
    for project in ("cert-manager", "external-snapshotter", "keda", "prometheus-operator", "vpa")
]
AGE = dt.timedelta(days=12)

TEAMS = {
    "shop": "storefront",
    "payments": "payments",
    "data": "data-platform",
    "monitoring": "platform",
    "logging": "platform",
    "ingress-nginx": "platform",
    "cert-manager": "platform",
    "kube-system": "platform",
}

NODES = {"worker-1": "a", "worker-2": "b", "worker-3": "c", "worker-4": "a", "worker-5": "b", "gpu-1": "c"}

# namespace, name, replicas
DEPLOYMENTS = (
    ("shop", "frontend", 3),
    ("shop", "cart", 3),
    ("shop", "catalog", 3),
    ("shop", "checkout", 2),
    ("payments", "payments-api", 3),
    ("payments", "fraud-detector", 2),
    ("data", "ingest", 2),
    ("data", "backfill", 0),
    ("monitoring", "kube-prometheus-stack-operator", 1),
    ("monitoring", "kube-prometheus-stack-grafana", 1),
    ("monitoring", "kube-prometheus-stack-kube-state-metrics", 1),
    ("logging", "loki-loki-distributed-distributor", 2),
    ("logging", "loki-loki-distributed-querier", 2),
    ("ingress-nginx", "ingress-nginx-controller", 2),
    ("cert-manager", "cert-manager", 1),
    ("cert-manager", "cert-manager-webhook", 1),
    ("cert-manager", "cert-manager-cainjector", 1),
    ("kube-system", "coredns", 2),
    ("kube-system", "metrics-server", 1),
)

# namespace, name, image, replicas, size of each claim
STATEFUL_SETS = (
    ("payments", "postgres", "docker.io/library/postgres:16.4", 2, "50Gi"),
    ("data", "kafka", "quay.io/strimzi/kafka:0.43.0-kafka-3.8.0", 3, "100Gi"),
    ("data", "clickhouse", "docker.io/clickhouse/clickhouse-server:24.8.4", 2, "200Gi"),
    ("data", "redis", "docker.io/library/redis:7.4.1", 1, "8Gi"),
    ("logging", "loki-loki-distributed-ingester", "docker.io/grafana/loki:2.9.4", 2, "10Gi"),
)

DAEMON_SETS = (
    ("monitoring", "kube-prometheus-stack-prometheus-node-exporter", "quay.io/prometheus/node-exporter:v1.7.0"),
    ("logging", "promtail", "docker.io/grafana/promtail:2.9.3"),
    ("kube-system", "kube-proxy", "registry.k8s.io/kube-proxy:v1.36.3"),
)

# namespace, name, how long it lives, how much of that is left
CERTIFICATES = (
    ("shop", "shop-tls", dt.timedelta(days=90), dt.timedelta(days=62)),
    ("payments", "payments-tls", dt.timedelta(days=90), dt.timedelta(days=41)),
    # Expires within the day, as it is meant to: it is renewed every 16 hours.
    ("payments", "mesh-identity", dt.timedelta(hours=24), dt.timedelta(hours=14)),
)


def nodes() -> Iterator[Object]:
    for index, (name, zone) in enumerate(NODES.items(), start=11):
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "node.kubernetes.io/instance-type": "g5.2xlarge" if name.startswith("gpu") else "m6i.2xlarge",
            "topology.kubernetes.io/region": "eu-west-1",
            "topology.kubernetes.io/zone": f"eu-west-1{zone}",
            "node.example.com/pool": "gpu" if name.startswith("gpu") else "general",
        }
        room = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
        taints = [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": meta(None, name, labels, annotations={"kwok.x-k8s.io/node": "fake"}),
            "spec": {"providerID": f"aws:///eu-west-1{zone}/i-{index:017x}"}
            | ({"taints": taints} if name.startswith("gpu") else {}),
            "status": {
                "capacity": room,
                "allocatable": room | {"cpu": "7800m", "memory": "30Gi", "ephemeral-storage": "90Gi"},
                "nodeInfo": {
                    "architecture": "amd64",
                    "bootID": f"{index:08x}-0000-4000-8000-000000000000",
                    "containerRuntimeVersion": "containerd://2.1.4",
                    "kernelVersion": "6.8.0-1021-aws",
                    "kubeProxyVersion": "",
                    "kubeletVersion": "v1.36.3",
                    "machineID": f"ec2{index:029x}",
                    "operatingSystem": "linux",
                    "osImage": "Ubuntu 24.04.3 LTS",
                    "systemUUID": f"ec2{index:05x}-0000-4000-8000-000000000000",
                },
            },
        }


def namespaces() -> Iterator[Object]:
    for name, team in TEAMS.items():
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": meta(None, name, {"team": team})}


def workloads() -> Iterator[Object]:
    for namespace, name, replicas in DEPLOYMENTS:
        yield deployment(namespace, name, replicas=replicas)
        if replicas > 1:
            yield disruption_budget(namespace, name)
        if namespace in ("shop", "payments", "data"):
            yield service(namespace, name, {"app": name})
    for namespace, name, image, replicas, size in STATEFUL_SETS:
        stateful = stateful_set(namespace, name, image, replicas, size)
        yield from volumes_of(stateful)
        yield stateful
        yield service(namespace, name, {"app": name}, clusterIP="None")
    for namespace, name, image in DAEMON_SETS:
        yield daemon_set(namespace, name, image)
    yield service("kube-system", "kube-dns", {"app": "coredns"}, 53, port_name="dns-tcp", clusterIP="10.96.0.10")
    yield service("ingress-nginx", "ingress-nginx-controller-admission", {"app": "ingress-nginx-controller"}, 443)
    yield service("cert-manager", "cert-manager-webhook", {"app": "cert-manager-webhook"}, 443)
    public = service("ingress-nginx", "ingress-nginx-controller", {"app": "ingress-nginx-controller"}, 443,
                     type="LoadBalancer")  # fmt: skip
    yield public | {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}}
    yield job("payments", "migrate-0042")
    yield cron_job("payments", "settlement", "0 3 * * *")
    yield cron_job("data", "compaction", "0 4 * * *", suspend=True)
    yield validating_webhook("ingress-nginx-admission", "ingress-nginx", "ingress-nginx-controller-admission",
                             ("networking.k8s.io", "v1", "ingresses"))  # fmt: skip
    yield validating_webhook("cert-manager-webhook", "cert-manager", "cert-manager-webhook",
                             ("cert-manager.io", "v1", "certificates"))  # fmt: skip


def certificate(namespace: str, name: str, lives: dt.timedelta, left: dt.timedelta) -> Object:
    """A Certificate as cert-manager leaves it: renewed when a third of its life is left."""
    host = f"{name.removesuffix('-tls')}.example.com"
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": meta(namespace, name, generation=1),
        "spec": {
            "secretName": name,
            "dnsNames": [host],
            "duration": f"{int(lives.total_seconds() // 3600)}h0m0s",
            "issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer", "group": "cert-manager.io"},
        },
        "status": {
            "notBefore": now(lives - left),
            "notAfter": now(-left),
            "renewalTime": now(lives / 3 - left),
            "revision": 3,
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Ready",
                    "message": "Certificate is up to date and has not expired",
                    "lastTransitionTime": now(lives - left),
                    "observedGeneration": 1,
                }
            ],
        },
    }


def issuer() -> Object:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": meta(None, "letsencrypt"),
        "spec": {"selfSigned": {}},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "IsReady"}]},
    }


def stack(bed: Testbed) -> Iterator[Object]:
    """Pods and Services named and labelled as the pinned charts do, in front of the programs that really run.

    The API server's service proxy goes only to addresses of pods; so these pods have the testbed's own.
    """
    urls = bed.stack.urls
    prometheus = {"app": "kube-prometheus-stack-prometheus", "self-monitor": "true",
                  "app.kubernetes.io/instance": "kube-prometheus-stack", "app.kubernetes.io/managed-by": "Helm",
                  "app.kubernetes.io/part-of": "kube-prometheus-stack", "app.kubernetes.io/version": "56.0.0",
                  "chart": "kube-prometheus-stack-56.0.0", "heritage": "Helm",
                  "release": "kube-prometheus-stack"}  # fmt: skip
    alertmanager = prometheus | {"app": "kube-prometheus-stack-alertmanager"}
    loki = {"app.kubernetes.io/name": "loki-distributed", "app.kubernetes.io/instance": "loki",
            "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/version": "2.9.4",
            "helm.sh/chart": "loki-distributed-0.78.0"}  # fmt: skip
    gateway, frontend = ({"app.kubernetes.io/component": part} for part in ("gateway", "query-frontend"))
    fronts = (
        ("monitoring", "prometheus", "kube-prometheus-stack-prometheus", "http-web", 9090, prometheus, urls.prometheus,
         "quay.io/prometheus/prometheus:v2.49.1"),
        ("monitoring", "alertmanager", "kube-prometheus-stack-alertmanager", "http-web", 9093, alertmanager,
         urls.alertmanager, "quay.io/prometheus/alertmanager:v0.26.0"),
        ("logging", "", "loki-loki-distributed-gateway", "http", 80, loki | gateway, urls.loki, None),
        ("logging", "", "loki-loki-distributed-query-frontend", "http-metrics", 3100, loki | frontend, urls.loki, None),
    )  # fmt: skip
    annotations = {POD_IP: bed.address} if bed.in_cluster else {}
    for namespace, prefix, name, port_name, port, labels, url, image in fronts:
        target = int(url.rpartition(":")[2])
        workload = f"{prefix}-{name}" if prefix else name
        if image:
            stateful = stateful_set(namespace, workload, image, 1, "50Gi", annotations=annotations, port=target)
            stateful["spec"]["template"]["spec"]["containers"][0]["name"] = prefix
            # The operator's own Service, headless, beside that of the chart.
            yield service(namespace, f"{prefix}-operated", {"app": workload}, port, port_name=port_name, target=target,
                          labels={f"operated-{prefix}": "true"}, clusterIP="None")  # fmt: skip
            yield from [*volumes_of(stateful), stateful]
        else:
            yield deployment(namespace, workload, replicas=1, annotations=annotations, port=target)
        yield service(namespace, name, {"app": workload}, port, port_name=port_name, target=target, labels=labels)


def settled(bed: Testbed) -> bool:
    """Whether everything is as it was asked to be."""
    api = bed.api
    ready = {"Deployment": "readyReplicas", "StatefulSet": "readyReplicas"}
    for kind, key in ready.items():
        if any(o["status"].get(key, 0) != o["spec"]["replicas"] for o in api.list(kind)):
            return False
    sets = [o["status"] for o in api.list("DaemonSet")]
    bound = [c for c in api.list("PersistentVolumeClaim") if c["metadata"]["name"] != "scratch"]
    return (
        all(s.get("numberReady", 0) == s.get("desiredNumberScheduled") == len(NODES) for s in sets)
        and all(c["status"]["phase"] == "Bound" for c in bound)
        and all(j["status"].get("succeeded") for j in api.list("Job"))
        and all(b["status"].get("currentHealthy", 0) for b in api.list("PodDisruptionBudget"))
    )


def problems(bed: Testbed) -> list[str]:
    """What a person would find wrong; empty for the healthy platform, and again after every fault is cleared."""
    api, stack = bed.api, bed.stack
    found = [] if settled(bed) else ["not settled"]
    for pod in api.list("Pod"):
        ready = {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}.get("Ready")
        if pod["status"]["phase"] != "Succeeded" and ready != "True":
            found.append(f"pod {pod['metadata']['name']} is not ready")
    for node in api.list("Node"):
        wrong = [c["type"] for c in node["status"]["conditions"] if (c["status"] == "True") != (c["type"] == "Ready")]
        found += [f"node {node['metadata']['name']}: {kind}" for kind in wrong]
    for event in api.list("Event", fieldSelector="type=Warning"):
        found.append(f"{event['reason']} about {event['involvedObject']['name']}: {event['message']}")
    usual = {"Watchdog", telemetry.SILENCED, *(rule["alert"] for rule in telemetry.RULES)}
    firing = {alert["labels"]["alertname"] for alert in stack.alerts()}
    found += [f"alert {name}" for name in firing ^ usual]
    for promql in (
        "up == 0",
        "kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes < 0.15",
        "kubelet_volume_stats_inodes_free / kubelet_volume_stats_inodes < 0.1",
        "predict_linear(kubelet_volume_stats_available_bytes[6h], 4 * 86400) < 0",
    ):
        found += [f"{promql}: {result['metric']}" for result in stack.query(promql)]
    return found


def restarted_long_ago(bed: Testbed) -> None:
    """One pod that was restarted twice, days ago: nothing to report."""
    pod = next(p for p in bed.api.list("Pod", "shop") if p["metadata"]["labels"]["app"] == "catalog")
    status = pod["status"]["containerStatuses"][0]
    died = {"exitCode": 1, "reason": "Error", "startedAt": now(AGE), "finishedAt": now(dt.timedelta(days=3))}
    running = {"running": {"startedAt": now(dt.timedelta(days=3))}}
    after = status | {"restartCount": 2, "state": running, "lastState": {"terminated": died}}
    bed.api.set_status({"apiVersion": "v1", "kind": "Pod", **pod}, {"containerStatuses": [after]})


def apply(bed: Testbed, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    api = bed.api
    first = [*namespaces(), *load(PLATFORM / "cluster.yaml", PLATFORM / "alertmanagerconfigs.yaml", *CRDS)]
    concurrently(api.apply, first)
    concurrently(api.apply, nodes())
    concurrently(api.apply, [*workloads(), *stack(bed), *load(PLATFORM / "edges.yaml")])
    custom = [issuer(), *(certificate(*each) for each in CERTIFICATES), *load(PLATFORM / "extensions.yaml")]
    poll(lambda: all(map(api.serves, {item["kind"] for item in custom})), "the kinds of all CRDs served")
    concurrently(api.apply, custom)
    poll(lambda: settled(bed), "the platform ready", every=0.3)
    bed.backdate(AGE, *(f"/registry/{kind}/" for kind in AGED))
    restarted_long_ago(bed)
    telemetry.start(bed)
    for event in api.list("Event", None, fieldSelector="type=Warning"):
        api.delete({"apiVersion": "v1", "kind": "Event", **event})
    write_config(bed)
    say(f"healthy platform in {time.monotonic() - began:.0f} s")


AGED = ("namespaces", "minions", "pods", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs",
        "services/specs", "endpointslices", "persistentvolumeclaims", "persistentvolumes", "ingress",
        "horizontalpodautoscalers", "poddisruptionbudgets", "storageclasses", "controllerrevisions",
        "cert-manager.io/certificates", "keda.sh", "autoscaling.k8s.io", "snapshot.storage.k8s.io",
        "validatingwebhookconfigurations", "serviceaccounts")  # fmt: skip


def write_config(bed: Testbed) -> None:
    """A hubops.yaml for this testbed; URLs only where the Services cannot be reached."""
    config: Object = {"cluster": "testbed", "kubernetes": {"kubeconfig": str(bed.kubeconfig)}}
    if not bed.in_cluster:
        urls = bed.stack.urls
        for name in ("prometheus", "alertmanager", "loki"):
            config[name] = {"url": getattr(urls, name)}
    bed.config.write_text(yaml.safe_dump(config, sort_keys=False))
