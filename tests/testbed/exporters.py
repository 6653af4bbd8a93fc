"""What exporters say of a busy day, beside what the checks ask them: throughput, latency, sizes. Dashboards show it."""

from __future__ import annotations

import time

from tests.testbed.source import Sample

MI = 2.0**20
DAY = 86400.0


def gauges(labels: dict[str, str], **values: float) -> list[Sample]:
    return [Sample(name, labels, value) for name, value in values.items()]


def counters(labels: dict[str, str], **rates: float) -> list[Sample]:
    """Counters that have grown by so much a second for a month."""
    return [Sample(name, labels, 30 * DAY * rate, rate) for name, rate in rates.items()]


def kafka_samples(group: str, topic: str) -> list[Sample]:
    """kafka_exporter: a topic of one partition with three replicas, and one group that keeps up."""
    partition = {"topic": topic, "partition": "0"}
    reader = partition | {"consumergroup": group}
    return [
        *gauges({}, kafka_brokers=3.0),
        *gauges({"topic": topic}, kafka_topic_partitions=1.0),
        *gauges(
            partition,
            kafka_topic_partition_leader=1.0,
            kafka_topic_partition_leader_is_preferred=1.0,
            kafka_topic_partition_replicas=3.0,
            kafka_topic_partition_in_sync_replica=3.0,
        ),
        *counters(partition, kafka_topic_partition_current_offset=250.0),
        *counters(reader, kafka_consumergroup_current_offset=250.0),
        *gauges({"consumergroup": group}, kafka_consumergroup_members=2.0),
    ]


def redis_samples() -> list[Sample]:
    """redis_exporter: a cache with a queue of jobs in it."""
    now = {"up": 1.0, "memory_used_rss_bytes": 1400 * MI, "connected_clients": 64.0, "blocked_clients": 4.0,
           "config_maxclients": 10000.0, "connected_slaves": 1.0, "slowlog_length": 12.0,
           "rdb_changes_since_last_save": 3000.0, "rdb_last_bgsave_status": 1.0}  # fmt: skip
    busy = {"commands_processed": 1105.0, "keyspace_hits": 810.0, "keyspace_misses": 90.0, "expired_keys": 3.0,
            "net_input_bytes": 2e5, "net_output_bytes": 3e6}  # fmt: skip
    samples = [
        *gauges({}, **{f"redis_{name}": value for name, value in now.items()}),
        *counters({}, **{f"redis_{name}_total": rate for name, rate in busy.items()}),
        *gauges({"db": "db0"}, redis_db_keys=4e5),
        *gauges({"db": "db0", "key": "llm-analytics:jobs"}, redis_key_size=17.0),
    ]
    for cmd, calls, seconds in (("get", 900.0, 0.01), ("set", 200.0, 0.004), ("blpop", 5.0, 0.0002)):
        samples += counters({"cmd": cmd}, redis_commands_total=calls, redis_commands_duration_seconds_total=seconds)
    return samples


def postgres_samples(database: str) -> list[Sample]:
    """postgres_exporter with its collector of statements, of a TimescaleDB with chunks of which one is compressed."""
    of = {"datname": database}
    busy = {"xact_commit": 180.0, "xact_rollback": 0.5, "blks_hit": 9e3, "blks_read": 60.0, "temp_bytes": 2e4,
            "tup_returned": 5e4, "tup_fetched": 2e4, "tup_inserted": 400.0, "tup_updated": 60.0, "tup_deleted": 2.0,
            "deadlocks": 0.0, "conflicts": 0.0}  # fmt: skip
    samples = [
        *gauges({}, pg_up=1.0),
        *gauges(of, pg_database_size_bytes=3e10),
        *counters(of, **{f"pg_stat_database_{name}": rate for name, rate in busy.items()}),
        *gauges(of | {"state": "active"}, pg_stat_activity_max_tx_duration=0.4),
        *gauges(of | {"mode": "accesssharelock"}, pg_locks_count=9.0),
    ]
    for chunk in ("_hyper_1_1_chunk", "_hyper_1_2_chunk", "_hyper_1_3_chunk", "compress_hyper_2_4_chunk"):
        table = of | {"schemaname": "_timescaledb_internal", "relname": chunk}
        samples += gauges(table, pg_stat_user_tables_n_live_tup=1e6, pg_stat_user_tables_n_dead_tup=200.0)
    for queryid, calls, seconds in (("-5108421134", 90.0, 0.3), ("7730921847", 2.0, 0.8)):
        rates = {"calls": calls, "seconds": seconds, "rows": calls * 20}
        statement = of | {"user": "api", "queryid": queryid}
        samples += counters(statement, **{f"pg_stat_statements_{name}_total": rate for name, rate in rates.items()})
    return samples


def nginx_samples(controller: dict[str, str]) -> list[Sample]:
    """ingress-nginx, of its own work: reloads, connections, and the certificates that it serves."""
    state = "nginx_ingress_controller_nginx_process_connections"
    host = {"host": "shop.example.com", "exported_namespace": "ingress-nginx", "class": "k8s.io/ingress-nginx"}
    return [
        *counters(controller, nginx_ingress_controller_success=0.001, nginx_ingress_controller_errors=0.0),
        *counters(controller, nginx_ingress_controller_nginx_process_cpu_seconds_total=0.2),
        *gauges(controller, nginx_ingress_controller_nginx_process_resident_memory_bytes=300 * MI),
        *(Sample(state, controller | {"state": name}, value) for name, value in (
            ("active", 70.0), ("reading", 1.0), ("writing", 9.0), ("waiting", 60.0))),
        *gauges(host, nginx_ingress_controller_ssl_expire_time_seconds=time.time() + 62 * DAY),
    ]  # fmt: skip


def hubops_samples() -> list[Sample]:
    """What `hubops` wrote of its last rounds (docs/platform.md)."""
    daily = {"round": "daily"}
    volume = {"namespace": "data", "persistentvolumeclaim": "data-kafka-0"}
    found = {"severity": "info", "check": "hpa-at-maximum", "namespace": "shop"}
    return [
        *gauges(daily, hubops_round_timestamp_seconds=time.time() - 3 * 3600, hubops_round_duration_seconds=4.1),
        *gauges(daily, hubops_round_verdict=0.0, hubops_checks_unknown=0.0),
        *gauges(daily | found, hubops_findings=1.0),
        *gauges(volume, hubops_volume_full_timestamp_seconds=time.time() + 300 * DAY),
        *gauges({"backup": "etcd"}, hubops_backup_last_proven_timestamp_seconds=time.time() - 5 * DAY),
    ]
