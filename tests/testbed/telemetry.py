"""What the healthy platform measures, logs and alerts: six nodes, their pods and volumes, with hours of history."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.testbed import exporters, middleware, stack_metrics
from tests.testbed.observability import Target
from tests.testbed.source import Sample

if TYPE_CHECKING:
    from tests.testbed.api import Object
    from tests.testbed.bed import Testbed

GI = 2**30
KWOK = "kwok.x-k8s.io/v1alpha1"
LOG_HISTORY = dt.timedelta(hours=25)
LOG_STEP = 60.0
TEAM_NAMESPACES = ("shop", "payments", "data")

# How full the claims are; the others are at a third. One is nearly-nearly full, and stable: nothing to report.
FULLNESS = {"data-clickhouse-0": 0.78, "data-kafka-1": 0.61}
# Bytes a second that a volume grows: a year until kafka's are full.
GROWTH = {"data-kafka-0": 2000.0, "data-kafka-1": 1000.0}

# A reload leaves Prometheus without its Alertmanagers for up to five seconds, more on a busy machine.
WATCHDOG_INTERVAL = "5s"
WATCHDOG: dict[str, Any] = {
    "alert": "Watchdog",
    "expr": "vector(1)",
    "labels": {"severity": "none"},
    "annotations": {
        "summary": "An alert that should always be firing to certify that Alertmanager is working properly.",
        "description": "This is an alert meant to ensure that the entire alerting pipeline is functional.",
    },
}
SILENCED = "LegacyBillingDown"
RUNBOOKS = "https://runbooks.example.com"
RULES: list[dict[str, Any]] = [
    {
        "alert": "CPUThrottlingHigh",
        "expr": "vector(0.31)",
        "labels": {"severity": "warning", "namespace": "data", "pod": "ingest", "container": "ingest"},
        "annotations": {
            "summary": "Processes experience elevated CPU throttling.",
            "runbook_url": f"{RUNBOOKS}/throttling",
        },
    },
    {
        "alert": SILENCED,
        "expr": "vector(1)",
        "labels": {"severity": "warning", "namespace": "payments", "service": "legacy-ledger"},
        "annotations": {"summary": "The legacy billing system does not answer.", "runbook_url": f"{RUNBOOKS}/legacy"},
    },
]


def kubelet_labels(node: str, path: str = "/metrics") -> dict[str, str]:
    return {
        "job": "kubelet",
        "instance": f"{node}:10250",
        "node": node,
        "namespace": "kube-system",
        "service": "kube-prometheus-stack-kubelet",
        "endpoint": "https-metrics",
        "metrics_path": path,
    }


def volume_samples(namespace: str, claim: str, capacity: float, full: float, growth: float = 0.0) -> list[Sample]:
    """What a kubelet says of one mounted claim: *full* is a share, *growth* in bytes a second."""
    labels = {"namespace": namespace, "persistentvolumeclaim": claim}
    inodes = capacity // 16384
    values = {
        "capacity_bytes": (capacity, 0.0),
        "used_bytes": (capacity * full, growth),
        "available_bytes": (capacity * (1 - full), -growth),
        "inodes": (inodes, 0.0),
        "inodes_used": (inodes * 0.02, 0.0),
        "inodes_free": (inodes * 0.98, 0.0),
    }
    return [Sample(f"kubelet_volume_stats_{key}", labels, *value) for key, value in values.items()]


def size_in_bytes(quantity: str) -> float:
    return float(quantity.removesuffix("Gi")) * GI


def _volumes_by_node(bed: Testbed) -> dict[str, list[Sample]]:
    sizes = {
        (claim["metadata"]["namespace"], claim["metadata"]["name"]): claim["spec"]["resources"]["requests"]["storage"]
        for claim in bed.api.list("PersistentVolumeClaim")
    }
    found: dict[str, list[Sample]] = {}
    for pod in bed.api.list("Pod"):
        for volume in pod["spec"].get("volumes", []):
            if claim := volume.get("persistentVolumeClaim", {}).get("claimName"):
                namespace = pod["metadata"]["namespace"]
                capacity = size_in_bytes(sizes[namespace, claim])
                full, growth = FULLNESS.get(claim, 0.33), GROWTH.get(claim, 0.0)
                samples = volume_samples(namespace, claim, capacity, full, growth)
                found.setdefault(pod["spec"]["nodeName"], []).extend(samples)
    return found


def _containers(pods: list[Object]) -> Iterator[Sample]:
    for index, pod in enumerate(pods):
        for container in pod["spec"]["containers"]:
            labels = {
                "namespace": pod["metadata"]["namespace"],
                "pod": pod["metadata"]["name"],
                "container": container["name"],
                "image": container["image"],
            }
            yield Sample("container_cpu_usage_seconds_total", labels, 90000.0, 0.03 + 0.005 * (index % 5))
            yield Sample("container_memory_working_set_bytes", labels, float((60 + 5 * (index % 6)) * 2**20))
            yield Sample("container_oom_events_total", labels, 0.0)


def _kubelet_certificates() -> list[Sample]:
    """A client and a server certificate of a year, renewed five months ago."""
    names = (f"kubelet_certificate_manager_{of}_ttl_seconds" for of in ("client", "server"))
    return [Sample(name, {}, 215 * 86400.0, -1.0) for name in names]


def _node_exporter(node: str, pod: str) -> Target:
    device = {"device": "/dev/nvme0n1p1", "fstype": "ext4", "mountpoint": "/"}
    busy = {"user": 0.11, "system": 0.04, "iowait": 0.01, "steal": 0.0, "idle": 0.84}
    samples = [Sample("node_cpu_seconds_total", {"cpu": "0", "mode": m}, 500000.0, rate) for m, rate in busy.items()]
    values: dict[str, float] = {
        "node_memory_MemTotal_bytes": 32.0 * GI,
        "node_memory_MemAvailable_bytes": 19.0 * GI,
        "node_load1": 1.4,
        "node_boot_time_seconds": time.time() - 30 * 86400,
        "node_filefd_allocated": 4000.0,
        "node_filefd_maximum": 1e6,
        "node_nf_conntrack_entries": 9000.0,
        "node_nf_conntrack_entries_limit": 262144.0,
        "node_timex_offset_seconds": 0.0002,
        "node_timex_sync_status": 1.0,
        "node_timex_maxerror_seconds": 0.05,
    }
    samples += [Sample(name, {}, value) for name, value in values.items()]
    samples.append(Sample("node_time_seconds", {}, time.time(), 1.0))
    samples.append(Sample("node_uname_info", {"nodename": node, "sysname": "Linux", "machine": "x86_64"}, 1.0))
    disks = {"size_bytes": 100.0 * GI, "avail_bytes": 58.0 * GI, "files": 6.5e6, "files_free": 6.1e6, "readonly": 0.0}
    samples += [Sample(f"node_filesystem_{name}", device, value) for name, value in disks.items()]
    labels = {
        "job": "node-exporter",
        "instance": f"{node}:9100",
        "nodename": node,
        "namespace": "monitoring",
        "pod": pod,
        "service": "kube-prometheus-stack-prometheus-node-exporter",
        "endpoint": "http-metrics",
        "container": "node-exporter",
    }
    return Target(f"node-{node}", labels, tuple(samples))


def application_target(namespace: str, app: str, pod: str, instance: str) -> Target:
    labels = {
        "job": app,
        "instance": instance,
        "namespace": namespace,
        "pod": pod,
        "service": app,
        "endpoint": "http",
        "container": app,
    }
    route = {"method": "GET", "route": "/api/v1/items"}
    samples = [Sample("http_requests_total", route | {"code": "200"}, 1e6, 12.0),
               Sample("http_requests_total", route | {"code": "500"}, 100.0, 0.002)]  # fmt: skip
    durations = {"0.05": 0.7, "0.25": 0.97, "1": 1.0}
    samples += middleware.histogram("http_request_duration_seconds", route, 12.0, durations)
    pool = {"in_use": 3.0, "max_open": 10.0}
    samples += [Sample(f"go_sql_{name}_connections", {"db_name": "ledger"}, value) for name, value in pool.items()]
    samples.append(Sample("go_sql_wait_count_total", {"db_name": "ledger"}, 4.0))
    return Target(f"app-{namespace}-{pod}", labels, tuple(samples))


def coredns_target(key: str, pod: str, instance: str, failing: float = 0.02) -> Target:
    """A CoreDNS with *failing* SERVFAIL answers a second."""
    labels = {"job": "coredns", "instance": instance, "namespace": "kube-system", "pod": pod, "container": "coredns",
              "service": "kube-prometheus-stack-coredns", "endpoint": "http-metrics"}  # fmt: skip
    server = {"server": "dns://:53", "zone": "."}
    rates = {"NOERROR": 90.0, "NXDOMAIN": 140.0, "SERVFAIL": failing}
    samples = [Sample("coredns_dns_responses_total", {"rcode": c, **server}, 1e5, rate) for c, rate in rates.items()]
    samples += [Sample(f"coredns_{name}_total", {}, 0.0) for name in ("panics", "forward_healthcheck_broken")]
    return Target(key, labels, tuple(samples))


def targets(bed: Testbed) -> list[Target]:
    pods = [p for p in bed.api.list("Pod") if p["status"]["phase"] == "Running"]
    volumes = _volumes_by_node(bed)
    found: list[Target] = []
    for node in bed.api.list("Node"):
        name = node["metadata"]["name"]
        here = [p for p in pods if p["spec"]["nodeName"] == name]
        exporter = next(p["metadata"]["name"] for p in here if "node-exporter" in p["metadata"]["name"])
        found += [
            Target(f"kubelet-{name}", kubelet_labels(name), (*volumes.get(name, []), *_kubelet_certificates())),
            Target(f"cadvisor-{name}", kubelet_labels(name, "/metrics/cadvisor"), tuple(_containers(here))),
            _node_exporter(name, exporter),
        ]
    for pod in pods:
        meta = pod["metadata"]
        if meta["labels"].get("app") == "coredns":
            found.append(coredns_target(f"coredns-{meta['name']}", meta["name"], f"{pod['status']['podIP']}:9153"))
        if meta["namespace"] in TEAM_NAMESPACES and not pod["spec"].get("volumes"):
            found.append(
                application_target(
                    meta["namespace"], meta["labels"]["app"], meta["name"], f"{pod['status']['podIP']}:8080"
                )
            )
    apiserver = {"job": "apiserver", "instance": f"{bed.address}:6443", "namespace": "default",
                 "service": "kubernetes", "endpoint": "https"}  # fmt: skip
    answered = Sample("apiserver_request_total", {"code": "200"}, 1e6, 40.0)
    found.append(Target("apiserver", apiserver, (answered, *middleware.api_server_samples())))
    found.append(middleware.target("hubops", "pushgateway", *exporters.hubops_samples()))
    return [*found, *middleware.targets(), *stack_metrics.targets()]


def stream(namespace: str, app: str, pod: str, node: str) -> dict[str, str]:
    """The labels that promtail gives to the lines of a pod."""
    return {
        "namespace": namespace,
        "app": app,
        "pod": pod,
        "container": app,
        "node_name": node,
        "job": f"{namespace}/{app}",
        "stream": "stdout",
        "cluster": "testbed",
    }


def _usual_lines(offset: int) -> list[tuple[float, str]]:
    """A line a minute, one in forty an error: what these applications always did."""
    first, count = time.time() - LOG_HISTORY.total_seconds(), int(LOG_HISTORY.total_seconds() / LOG_STEP)
    lines = []
    for number in range(count):
        text = f'level=info msg="request served" status=200 path=/api/v1/items duration={5 + (number + offset) % 40}ms'
        if (number + offset) % 40 == 0:
            text = 'level=error msg="upstream timed out, retrying" status=504 path=/api/v1/items'
        lines.append((first + number * LOG_STEP, text))
    return lines


def logs(bed: Testbed) -> Iterator[tuple[dict[str, str], list[tuple[float, str]]]]:
    for index, pod in enumerate(bed.api.list("Pod")):
        meta = pod["metadata"]
        if meta["namespace"] in TEAM_NAMESPACES and pod["status"]["phase"] == "Running":
            labels = stream(meta["namespace"], meta["labels"]["app"], meta["name"], pod["spec"]["nodeName"])
            yield labels, _usual_lines(index * 7)


def push_logs(bed: Testbed) -> None:
    for labels, lines in logs(bed):
        bed.stack.log([(labels, lines)])


def _cri(lines: list[tuple[float, str]]) -> str:
    """The lines as a container runtime writes them."""
    times = [(dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="microseconds"), text) for at, text in lines]
    return "".join(f"{at.removesuffix('+00:00')}000Z stdout F {text}\n" for at, text in times)


def container_log(bed: Testbed, pod: Object | None, lines: list[tuple[float, str]]) -> None:
    """What `kubectl logs` answers, with --previous too: for one pod or, with None, for all others."""
    meta = pod["metadata"] if pod else {"name": "usual"}
    file = bed.directory / "container-logs" / f"{meta['name']}.log"
    file.parent.mkdir(exist_ok=True)
    file.write_text(_cri(lines))
    rule: Object = {"logs": [{"logsFile": str(file), "previousLogsFile": str(file)}]}
    if pod is None:
        bed.api.apply({"apiVersion": KWOK, "kind": "ClusterLogs", "metadata": {"name": "usual"}, "spec": rule})
        return
    owner = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
    named = {"namespace": meta["namespace"], "name": meta["name"], "ownerReferences": [owner]}
    bed.api.apply({"apiVersion": KWOK, "kind": "Logs", "metadata": named, "spec": rule})


def fresh_logs(bed: Testbed) -> None:
    """Nothing but the usual lines. Loki would only delete others after minutes: it starts anew."""
    bed.end_program("loki")
    shutil.rmtree(bed.directory / "loki")
    bed.start_program("loki")
    push_logs(bed)


def start(bed: Testbed) -> None:
    stack = bed.stack
    stack.rules("watchdog", [WATCHDOG], WATCHDOG_INTERVAL)
    stack.rules("usual", RULES)
    stack.silence(SILENCED, "being decommissioned, see OPS-1234")
    push_logs(bed)
    container_log(bed, None, _usual_lines(0)[-500:])
    stack.scrape(targets(bed))
    stack.wait_firing("Watchdog")
