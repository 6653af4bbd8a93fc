"""What the ingress controller, the databases, Kafka and the control plane measure while all is well.

With what looks like trouble at a first glance: a cache that is full by design, and a consumer that is always a little
behind.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.testbed import exporters
from tests.testbed.observability import Target
from tests.testbed.source import Sample

GI = 2.0**30


def target(namespace: str, job: str, *samples: Sample, instance: str = "", pod: str = "") -> Target:
    """One exporter behind a Service of its own name, in a pod if it has one."""
    labels = {"namespace": namespace, "job": job, "service": job, "instance": instance or f"{job}:9100"}
    return Target(f"{job}-{instance or namespace}".replace(":", "-"), labels | ({"pod": pod} if pod else {}), samples)


def histogram(name: str, labels: dict[str, str], rate: float, buckets: dict[str, float]) -> list[Sample]:
    """A histogram of *rate* observations a second, of which *buckets* has the share up to each bound."""
    shares = buckets | {"+Inf": 1.0}
    counted = [Sample(f"{name}_bucket", labels | {"le": le}, 1e6 * each, rate * each) for le, each in shares.items()]
    return [*counted, Sample(f"{name}_count", labels, 1e6, rate)]


def ingress_samples(namespace: str, ingress: str, service: str, errors: float = 0.0) -> list[Sample]:
    """Ten requests a second through one Ingress, of which a share ends in *errors*."""
    labels = {"exported_namespace": namespace, "ingress": ingress, "exported_service": service}
    counted = [
        Sample("nginx_ingress_controller_requests", labels | {"status": status}, 1e6 * share, 10.0 * share)
        for status, share in (("200", 0.99 - errors), ("403", 0.01), ("502", errors))
    ]
    durations = {"0.1": 0.9, "0.5": 0.99, "1": 1.0}
    return counted + histogram("nginx_ingress_controller_request_duration_seconds", labels, 10.0, durations)


def postgres_samples(connections: float) -> list[Sample]:
    return [
        Sample("pg_stat_activity_count", {"datname": "ledger", "state": "idle"}, connections),
        Sample("pg_settings_max_connections", {}, 100.0),
        Sample("pg_settings_superuser_reserved_connections", {}, 3.0),
        Sample("pg_replication_lag_seconds", {}, 2.0),
        Sample("pg_stat_replication_pg_wal_lsn_diff", {"application_name": "postgres-1"}, 4e6),
    ]


def redis_samples(used: float, policy: str) -> list[Sample]:
    return [
        Sample("redis_memory_used_bytes", {}, used * GI),
        Sample("redis_memory_max_bytes", {}, GI),
        Sample("redis_instance_info", {"role": "master", "maxmemory_policy": policy}, 1.0),
        Sample("redis_evicted_keys_total", {}, 1e6, 0.5),
        Sample("redis_rejected_connections_total", {}, 3.0),
    ]


def kafka_samples(group: str, lag: float, growth: float = 0.0) -> list[Sample]:
    lagging = {"consumergroup": group, "topic": "events", "partition": "0"}
    return [
        Sample("kafka_consumergroup_lag", lagging, lag, growth),
        Sample("kafka_topic_partition_under_replicated_partition", {"topic": "events", "partition": "0"}, 0.0),
    ]


def etcd_samples(active: float = 1.0) -> list[Sample]:
    """A member of three, that reaches one of its peers always and the other one if *active*."""
    known = [Sample("etcd_network_known_peers", {"Local": "1", "Remote": peer}, 1.0) for peer in "123"]
    reached = [
        Sample("etcd_network_active_peers", {"Local": "1", "Remote": p}, v) for p, v in (("2", 1.0), ("3", active))
    ]
    values = {
        "etcd_server_has_leader": 1.0,
        "etcd_server_leader_changes_seen_total": 2.0,
        "etcd_mvcc_db_total_size_in_bytes": 0.4 * GI,
        "etcd_mvcc_db_total_size_in_use_in_bytes": 0.3 * GI,
        "etcd_server_quota_backend_bytes": 2 * GI,
    }
    fsync = histogram("etcd_disk_wal_fsync_duration_seconds", {}, 30.0, {"0.016": 0.995, "0.032": 1.0})
    return [*known, *reached, *(Sample(name, {}, value) for name, value in values.items()), *fsync]


def api_server_samples() -> list[Sample]:
    request = {"verb": "POST", "scope": "resource", "resource": "pods", "subresource": ""}
    hook = {"name": "validate.cert-manager-webhook.example.com", "type": "validating", "operation": "CREATE"}
    return [
        *histogram("apiserver_request_sli_duration_seconds", request, 5.0, {"0.1": 0.99, "1": 1.0}),
        *histogram("apiserver_admission_webhook_admission_duration_seconds", hook, 0.1, {"0.1": 0.99, "1": 1.0}),
        *histogram("apiserver_client_certificate_expiration_seconds", {}, 20.0, {"604800": 0.0, "2592000": 0.0}),
        *histogram("etcd_request_duration_seconds", {"operation": "update"}, 10.0, {"0.05": 0.99, "0.5": 1.0}),
        Sample("apiserver_flowcontrol_dispatched_requests_total", {"priority_level": "workload-low"}, 1e6, 20.0),
        Sample("apiserver_storage_size_bytes", {"storage_cluster_id": "etcd-0"}, 0.4 * GI),
    ]


def targets() -> Iterator[Target]:
    reloaded = {"controller_namespace": "ingress-nginx", "controller_pod": "ingress-nginx-controller-0"}
    yield target(
        "ingress-nginx",
        "ingress-nginx-controller-metrics",
        Sample("nginx_ingress_controller_config_last_reload_successful", reloaded, 1.0),
        *ingress_samples("shop", "shop", "frontend"),
        *exporters.nginx_samples(reloaded),
    )
    postgres = [*postgres_samples(40.0), *exporters.postgres_samples("ledger")]
    redis = [*redis_samples(1.0, "allkeys-lru"), *exporters.redis_samples()]
    yield target("payments", "postgres-metrics", *postgres, pod="postgres-0")
    yield target("data", "redis-metrics", *redis, pod="redis-0")
    # An exporter beside each broker: both see all of Kafka.
    for broker in range(2):
        kafka = [*kafka_samples("ingest", 5000.0), *exporters.kafka_samples("ingest", "events")]
        yield target("data", "kafka-exporter", *kafka, instance=f"10.244.9.{broker}:9308", pod=f"kafka-{broker}")
    yield target("kube-system", "kube-etcd", *etcd_samples())
