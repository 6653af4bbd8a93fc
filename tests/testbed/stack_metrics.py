"""What Prometheus, its operator, Alertmanager and Loki measure of themselves while all is well.

With what looks like trouble at a first glance: a notification that failed once, a few requests that end in errors, and
lines that were refused last week.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.testbed.observability import Target
from tests.testbed.source import Sample

DAY = 86400.0
PROMETHEUS = "prometheus-kube-prometheus-stack-prometheus-0"
ALERTMANAGER = "alertmanager-kube-prometheus-stack-alertmanager-0"


def target(namespace: str, job: str, pod: str, instance: str, *samples: Sample) -> Target:
    labels = {"namespace": namespace, "job": job, "service": job, "pod": pod, "instance": instance, "endpoint": "web"}
    return Target(f"self-{pod}", labels, samples)


def prometheus_samples() -> list[Sample]:
    """A Prometheus of twelve days that keeps a month, sends alerts, and writes to a long-term store."""
    now = time.time()
    remote = {"remote_name": "long-term"}
    group = {"rule_group": "/etc/prometheus/rules/usual.yaml;usual"}
    sender = {"alertmanager": "http://kube-prometheus-stack-alertmanager:9093/api/v2/alerts"}
    rates = [
        ("prometheus_rule_group_iterations_total", group, 0.1),
        ("prometheus_notifications_sent_total", sender, 0.5),
        ("prometheus_remote_storage_samples_total", remote, 2000.0),
    ]
    quiet = [
        ("prometheus_rule_evaluation_failures_total", group),
        ("prometheus_rule_group_iterations_missed_total", group),
        ("prometheus_notifications_errors_total", sender),
        ("prometheus_remote_storage_samples_failed_total", remote),
        *((f"prometheus_{name}_total", {}) for name in (
            "notifications_dropped", "tsdb_wal_corruptions", "tsdb_wal_writes_failed", "tsdb_compactions_failed",
            "tsdb_reloads_failures", "tsdb_head_truncations_failed", "tsdb_checkpoint_creations_failed",
            "tsdb_size_retentions", "tsdb_time_retentions", "target_scrapes_sample_duplicate_timestamp",
            "target_scrapes_sample_out_of_order", "target_scrapes_sample_out_of_bounds")),
    ]  # fmt: skip
    values = {
        "prometheus_build_info": 1.0,
        "prometheus_config_last_reload_successful": 1.0,
        "prometheus_notifications_alertmanagers_discovered": 1.0,
        "prometheus_tsdb_head_series": 250_000.0,
        "prometheus_tsdb_lowest_timestamp_seconds": now - 31 * DAY,
        "process_start_time_seconds": now - 12 * DAY,
    }
    # The clock of the samples themselves, and what was sent of them a second ago.
    clocks = [("highest_timestamp_in_seconds", {}, now), ("queue_highest_sent_timestamp_seconds", remote, now - 1)]
    return [
        *(Sample(name, labels, 1e5, rate) for name, labels, rate in rates),
        *(Sample(name, labels, 2.0) for name, labels in quiet),
        *(Sample(name, {}, value) for name, value in values.items()),
        *(Sample(f"prometheus_remote_storage_{name}", labels, value, 1.0) for name, labels, value in clocks),
        Sample("prometheus_rule_group_rules", group, 2.0),
    ]


def alertmanager_samples(failing: float = 0.0) -> list[Sample]:
    """An Alertmanager of which *failing* notifications a second fail, of one in ten seconds."""
    slack = {"integration": "slack"}
    return [
        Sample("alertmanager_notifications_total", slack, 1e4, 0.1),
        Sample("alertmanager_notifications_failed_total", slack | {"reason": "serverError"}, 1e3, failing),
        Sample("alertmanager_cluster_members", {}, 1.0),
        Sample("alertmanager_config_last_reload_successful", {}, 1.0),
    ]


def loki_samples(discarded: float = 0.0) -> list[Sample]:
    """A Loki that refuses *discarded* lines a second, and whose compactor was at work this very second."""
    push = {"route": "loki_api_v1_push", "method": "POST"}
    runs = ("boltdb_shipper_compact_tables_operation", "compactor_apply_retention")
    return [
        Sample("loki_build_info", {"version": "2.9.4"}, 1.0),
        Sample("loki_discarded_samples_total", {"tenant": "fake", "reason": "rate_limited"}, 4e4, discarded),
        Sample("loki_request_duration_seconds_count", push | {"status_code": "204"}, 1e6, 20.0),
        Sample("loki_request_duration_seconds_count", push | {"status_code": "500"}, 1e3, 0.002),
        *(Sample(f"loki_{run}_last_successful_run_timestamp_seconds", {}, time.time(), 1.0) for run in runs),
    ]


def operator_samples(rejected: float = 0.0) -> list[Sample]:
    controller = {"controller": "prometheus"}
    return [
        Sample("prometheus_operator_reconcile_operations_total", controller, 1e4, 0.05),
        Sample("prometheus_operator_reconcile_errors_total", controller, 12.0),
        Sample("prometheus_operator_ready", controller, 1.0),
        Sample("prometheus_operator_syncs", controller | {"status": "failed"}, 0.0),
        Sample("prometheus_operator_managed_resources",
               controller | {"resource": "ServiceMonitor", "state": "rejected"}, rejected),
    ]  # fmt: skip


def targets() -> Iterator[Target]:
    stack = "kube-prometheus-stack"
    yield target("monitoring", f"{stack}-prometheus", PROMETHEUS, "10.0.9.1:9090", *prometheus_samples())
    yield target("monitoring", f"{stack}-alertmanager", ALERTMANAGER, "10.0.9.2:9093", *alertmanager_samples())
    yield target("monitoring", f"{stack}-operator", f"{stack}-operator", "10.0.9.3:10250", *operator_samples())
    yield target("logging", "loki", "loki-loki-distributed-write", "10.0.9.4:3100", *loki_samples())
