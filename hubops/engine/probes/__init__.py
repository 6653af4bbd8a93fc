"""The probes that check files name under `probe:`. One literal table: what is not here does not exist."""

from __future__ import annotations

from hubops.engine.probe import Probe
from hubops.engine.probes.alerts import critical_alert_firing, watchdog_missing
from hubops.engine.probes.alerts_inhibited import critical_alert_inhibited, inhibit_rule_too_wide
from hubops.engine.probes.alerts_lasting import warning_alert_firing
from hubops.engine.probes.apiservices import apiservice_unavailable
from hubops.engine.probes.attachments import volume_attachment_stuck
from hubops.engine.probes.backups import backup_alarm, backup_failed, backup_too_old
from hubops.engine.probes.backups_copies import backup_not_encrypted, backup_not_offsite, backup_size_jumped
from hubops.engine.probes.backups_proven import recovery_objective_missed, restore_failed, restore_unproven
from hubops.engine.probes.budgets import pdb_blocks_drain, pdb_overlap, pdb_selects_nothing
from hubops.engine.probes.capacity import node_pods_nearly_full
from hubops.engine.probes.capacity_spare import capacity_without_one_node
from hubops.engine.probes.certificates import certificate_expires_soon
from hubops.engine.probes.claims import pvc_pending
from hubops.engine.probes.claims_covered import claim_not_covered
from hubops.engine.probes.claims_metrics import volume_metrics_missing
from hubops.engine.probes.claims_resize import pvc_resize_stuck
from hubops.engine.probes.configuration import pod_config_error
from hubops.engine.probes.crash import crash_looping
from hubops.engine.probes.cronjobs import cronjob_missed
from hubops.engine.probes.cronjobs_failing import cronjob_failing
from hubops.engine.probes.cronjobs_suspended import cronjob_suspended
from hubops.engine.probes.daemonsets import daemonset_short
from hubops.engine.probes.daemonsets_misscheduled import daemonset_misscheduled
from hubops.engine.probes.deletions import pod_stuck_terminating
from hubops.engine.probes.deployments import deployment_unavailable
from hubops.engine.probes.deployments_rollout import rollout_stuck
from hubops.engine.probes.dns import coredns_errors
from hubops.engine.probes.drills_due import drill_due
from hubops.engine.probes.etcd_certificates import etcd_certificate_expires
from hubops.engine.probes.evictions import pod_evicted
from hubops.engine.probes.exporters import kube_state_metrics_missing, node_exporter_missing
from hubops.engine.probes.hosts import host_certificate_invalid, host_not_answering
from hubops.engine.probes.hosts_dns import host_dns_wrong
from hubops.engine.probes.images import image_pull_failing
from hubops.engine.probes.ingresses import ingress_backend_missing
from hubops.engine.probes.ingresses_address import ingress_without_address
from hubops.engine.probes.ingresses_paths import ingress_path_conflict
from hubops.engine.probes.ingresses_tls import ingress_tls_secret_missing
from hubops.engine.probes.jobs import job_failed
from hubops.engine.probes.keda import keda_paused, keda_scaler_failing
from hubops.engine.probes.leases import lease_not_renewed
from hubops.engine.probes.load_balancers import load_balancer_pending
from hubops.engine.probes.logs_stopped import logs_stopped
from hubops.engine.probes.memory import oom_killed
from hubops.engine.probes.namespaces import namespace_stuck_terminating
from hubops.engine.probes.network_policies_dns import network_policy_denies_dns
from hubops.engine.probes.node_certificates import kubelet_csr_pending
from hubops.engine.probes.node_state import node_cordoned, node_problem, node_runs_nothing
from hubops.engine.probes.nodes import node_not_ready, node_pressure
from hubops.engine.probes.pending import pod_pending
from hubops.engine.probes.probing import pod_probe_failing
from hubops.engine.probes.readiness import not_ready
from hubops.engine.probes.redundancy import single_replica_behind_ingress
from hubops.engine.probes.refused import pods_refused
from hubops.engine.probes.restarts import pod_restarts_unusual
from hubops.engine.probes.rules import alert_without_runbook, rule_group_failing
from hubops.engine.probes.scaling import hpa_at_maximum, hpa_unable_to_scale
from hubops.engine.probes.scaling_conflicts import hpa_conflict, vpa_conflict
from hubops.engine.probes.services import service_without_endpoints
from hubops.engine.probes.silences import silence_hides_critical, silence_matches_everything, silence_never_ends
from hubops.engine.probes.snapshots import volume_snapshot_not_ready
from hubops.engine.probes.statefulsets import statefulset_short
from hubops.engine.probes.storage_classes import storage_class_default
from hubops.engine.probes.terminating import finalizer_stuck
from hubops.engine.probes.velero_backups import velero_backup_failed, velero_hooks_failed, velero_warnings
from hubops.engine.probes.velero_coverage import cluster_kind_not_covered, namespace_not_covered
from hubops.engine.probes.velero_expiry import velero_backup_expires
from hubops.engine.probes.velero_locations import velero_location_unavailable, velero_server_down
from hubops.engine.probes.velero_schedules import (
    velero_schedule_invalid,
    velero_schedule_missed,
    velero_schedule_paused,
)
from hubops.engine.probes.velero_stuck import velero_backup_not_deleted, velero_backup_stuck
from hubops.engine.probes.velero_volumes import velero_volume_failed
from hubops.engine.probes.versions import kubelet_version_skew
from hubops.engine.probes.volumes import pv_not_reclaimed, pv_released
from hubops.engine.probes.webhooks import webhook_without_endpoints
from hubops.engine.probes.zones import zone_down, zones_unequal

PROBES: dict[str, Probe] = {
    "alert_without_runbook": alert_without_runbook,
    "apiservice_unavailable": apiservice_unavailable,
    "backup_alarm": backup_alarm,
    "backup_failed": backup_failed,
    "backup_not_encrypted": backup_not_encrypted,
    "backup_not_offsite": backup_not_offsite,
    "backup_size_jumped": backup_size_jumped,
    "backup_too_old": backup_too_old,
    "capacity_without_one_node": capacity_without_one_node,
    "certificate_expires_soon": certificate_expires_soon,
    "cluster_kind_not_covered": cluster_kind_not_covered,
    "coredns_errors": coredns_errors,
    "claim_not_covered": claim_not_covered,
    "crash_looping": crash_looping,
    "critical_alert_firing": critical_alert_firing,
    "critical_alert_inhibited": critical_alert_inhibited,
    "cronjob_failing": cronjob_failing,
    "cronjob_missed": cronjob_missed,
    "cronjob_suspended": cronjob_suspended,
    "daemonset_misscheduled": daemonset_misscheduled,
    "daemonset_short": daemonset_short,
    "deployment_unavailable": deployment_unavailable,
    "drill_due": drill_due,
    "etcd_certificate_expires": etcd_certificate_expires,
    "finalizer_stuck": finalizer_stuck,
    "host_certificate_invalid": host_certificate_invalid,
    "host_dns_wrong": host_dns_wrong,
    "host_not_answering": host_not_answering,
    "hpa_at_maximum": hpa_at_maximum,
    "hpa_conflict": hpa_conflict,
    "hpa_unable_to_scale": hpa_unable_to_scale,
    "image_pull_failing": image_pull_failing,
    "ingress_backend_missing": ingress_backend_missing,
    "ingress_path_conflict": ingress_path_conflict,
    "ingress_tls_secret_missing": ingress_tls_secret_missing,
    "ingress_without_address": ingress_without_address,
    "inhibit_rule_too_wide": inhibit_rule_too_wide,
    "job_failed": job_failed,
    "keda_paused": keda_paused,
    "keda_scaler_failing": keda_scaler_failing,
    "kube_state_metrics_missing": kube_state_metrics_missing,
    "kubelet_csr_pending": kubelet_csr_pending,
    "kubelet_version_skew": kubelet_version_skew,
    "lease_not_renewed": lease_not_renewed,
    "load_balancer_pending": load_balancer_pending,
    "logs_stopped": logs_stopped,
    "namespace_not_covered": namespace_not_covered,
    "namespace_stuck_terminating": namespace_stuck_terminating,
    "network_policy_denies_dns": network_policy_denies_dns,
    "node_cordoned": node_cordoned,
    "node_exporter_missing": node_exporter_missing,
    "node_not_ready": node_not_ready,
    "node_pods_nearly_full": node_pods_nearly_full,
    "node_pressure": node_pressure,
    "node_problem": node_problem,
    "node_runs_nothing": node_runs_nothing,
    "not_ready": not_ready,
    "oom_killed": oom_killed,
    "pdb_blocks_drain": pdb_blocks_drain,
    "pdb_overlap": pdb_overlap,
    "pdb_selects_nothing": pdb_selects_nothing,
    "pod_config_error": pod_config_error,
    "pod_evicted": pod_evicted,
    "pod_pending": pod_pending,
    "pod_probe_failing": pod_probe_failing,
    "pod_restarts_unusual": pod_restarts_unusual,
    "pod_stuck_terminating": pod_stuck_terminating,
    "pods_refused": pods_refused,
    "pv_not_reclaimed": pv_not_reclaimed,
    "pv_released": pv_released,
    "pvc_pending": pvc_pending,
    "pvc_resize_stuck": pvc_resize_stuck,
    "recovery_objective_missed": recovery_objective_missed,
    "restore_failed": restore_failed,
    "restore_unproven": restore_unproven,
    "rollout_stuck": rollout_stuck,
    "rule_group_failing": rule_group_failing,
    "service_without_endpoints": service_without_endpoints,
    "silence_hides_critical": silence_hides_critical,
    "silence_matches_everything": silence_matches_everything,
    "silence_never_ends": silence_never_ends,
    "single_replica_behind_ingress": single_replica_behind_ingress,
    "statefulset_short": statefulset_short,
    "storage_class_default": storage_class_default,
    "velero_backup_expires": velero_backup_expires,
    "velero_backup_failed": velero_backup_failed,
    "velero_backup_not_deleted": velero_backup_not_deleted,
    "velero_backup_stuck": velero_backup_stuck,
    "velero_hooks_failed": velero_hooks_failed,
    "velero_location_unavailable": velero_location_unavailable,
    "velero_schedule_invalid": velero_schedule_invalid,
    "velero_schedule_missed": velero_schedule_missed,
    "velero_schedule_paused": velero_schedule_paused,
    "velero_server_down": velero_server_down,
    "velero_volume_failed": velero_volume_failed,
    "velero_warnings": velero_warnings,
    "volume_attachment_stuck": volume_attachment_stuck,
    "volume_metrics_missing": volume_metrics_missing,
    "volume_snapshot_not_ready": volume_snapshot_not_ready,
    "vpa_conflict": vpa_conflict,
    "warning_alert_firing": warning_alert_firing,
    "watchdog_missing": watchdog_missing,
    "webhook_without_endpoints": webhook_without_endpoints,
    "zone_down": zone_down,
    "zones_unequal": zones_unequal,
}
