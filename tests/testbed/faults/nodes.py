"""Nodes whose kubelet says that they are well: cordoned, full, old, lost with their zone, or wrong by their metrics."""

from __future__ import annotations

import base64
import datetime as dt
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.testbed.api import Object, now
from tests.testbed.faults.base import Expected, Fault, patch_conditions, remove, scheduled_pods
from tests.testbed.faults.cluster import KubeletStopped, node
from tests.testbed.faults.signals import forget, fresh_address
from tests.testbed.objects import deployment
from tests.testbed.observability import Target
from tests.testbed.process import poll
from tests.testbed.source import Sample
from tests.testbed.telemetry import GI, kubelet_labels

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

_CORDON = "node.kubernetes.io/unschedulable"


@dataclass(frozen=True)
class Cordoned(Fault):
    """Cordoned three days ago: the node controller notes the time on its taint, which then moves back."""

    def inject(self, bed: Testbed) -> None:
        bed.api.patch(node(bed, self.expect.name), {"spec": {"unschedulable": True}})
        poll(lambda: self._tainted(bed), f"{self.expect.name} tainted")
        bed.backdate(dt.timedelta(days=3), f"/registry/minions/{self.expect.name}")

    def clear(self, bed: Testbed) -> None:
        bed.api.patch(node(bed, self.expect.name), {"spec": {"unschedulable": None}})
        poll(lambda: not self._tainted(bed), f"{self.expect.name} free of its taint")

    def _tainted(self, bed: Testbed) -> bool:
        taints = node(bed, self.expect.name)["spec"].get("taints", [])
        return any(taint["key"] == _CORDON and "timeAdded" in taint for taint in taints)


@dataclass(frozen=True)
class Detected(Fault):
    """A condition that node-problem-detector sets."""

    kind: str
    reason: str
    message: str

    def _set(self, bed: Testbed, status: str, reason: str, message: str) -> None:
        found = node(bed, self.expect.name)
        change = {"status": status, "reason": reason, "message": message, "lastHeartbeatTime": now(),
                  "lastTransitionTime": now(dt.timedelta(minutes=20))}  # fmt: skip
        bed.api.set_status(found, {"conditions": patch_conditions(found["status"]["conditions"], {self.kind: change})})

    def inject(self, bed: Testbed) -> None:
        self._set(bed, "True", self.reason, self.message)

    def clear(self, bed: Testbed) -> None:
        self._set(bed, "False", "KernelHasNoDeadlock", "kernel has no deadlock")


@dataclass(frozen=True)
class NodeStatus(Fault):
    """One value in the status of a node: *path* leads to it, *wrong* is put there."""

    node: str
    path: tuple[str, str]
    wrong: str
    right: str

    def _set(self, bed: Testbed, value: str) -> None:
        group, key = self.path
        bed.api.set_status(node(bed, self.node), {group: {key: value}})

    def inject(self, bed: Testbed) -> None:
        self._set(bed, self.wrong)

    def clear(self, bed: Testbed) -> None:
        self._set(bed, self.right)


@dataclass(frozen=True)
class ZoneLost(Fault):
    """The kubelets of all nodes of a zone stop."""

    nodes: tuple[str, ...]

    @property
    def _kubelets(self) -> list[KubeletStopped]:
        return [KubeletStopped(self.name, replace(self.expect, name=name), ()) for name in self.nodes]

    def inject(self, bed: Testbed) -> None:
        for kubelet in self._kubelets:
            kubelet.inject(bed)
            bed.backdate(dt.timedelta(minutes=3), f"/registry/minions/{kubelet.expect.name}")

    def clear(self, bed: Testbed) -> None:
        for kubelet in self._kubelets:
            kubelet.clear(bed)


@dataclass(frozen=True)
class CrowdedNodes(Fault):
    """A Deployment that takes most of every node: nothing waits, and no node may be lost."""

    replicas: int
    cpu: str

    @property
    def workload(self) -> Object:
        return deployment("logging", "reindex", replicas=self.replicas, cpu=self.cpu)

    def inject(self, bed: Testbed) -> None:
        bed.api.apply(self.workload)
        scheduled_pods(bed, "logging", "reindex", self.replicas)
        poll(lambda: self._ready(bed), "reindex ready")

    def _ready(self, bed: Testbed) -> bool:
        found = bed.api.get("Deployment", "logging", "reindex") or {}
        return bool(found.get("status", {}).get("readyReplicas", 0) == self.replicas)

    def clear(self, bed: Testbed) -> None:
        remove(bed, self.workload)


@dataclass(frozen=True)
class CertificateAsked(Fault):
    """A kubelet's request for a serving certificate, which Kubernetes never approves by itself."""

    request: str

    @property
    def _request(self) -> Object:
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
                             x509.NameAttribute(NameOID.COMMON_NAME, "system:node:worker-3")])  # fmt: skip
        names = x509.SubjectAlternativeName([x509.DNSName("worker-3")])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
        signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        spec = {
            "request": base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode(),
            "signerName": self.expect.name,
            "usages": ["digital signature", "server auth"],
        }
        return {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
                "metadata": {"name": self.request}, "spec": spec}  # fmt: skip

    def inject(self, bed: Testbed) -> None:
        bed.api.apply(self._request)
        bed.backdate(dt.timedelta(hours=2), f"/registry/certificatesigningrequests/{self.request}")

    def clear(self, bed: Testbed) -> None:
        remove(bed, self._request)


@dataclass(frozen=True)
class Measured(Fault):
    """Another target of the node's exporter or kubelet, that has said for hours what is wrong; then *turned*, if given.

    Samples of another target cannot be changed for the past. Its address is one that no node has: the label `node`
    names it.
    """

    samples: tuple[Sample, ...]
    kubelet: bool = False
    turned: tuple[Sample, ...] = ()

    @property
    def _key(self) -> str:
        return f"measured-{self.name.replace('/', '-')}"

    def _labels(self) -> dict[str, str]:
        usual = kubelet_labels(self.expect.name, "/metrics/measured")
        exporter = {"job": "node-exporter", "node": self.expect.name, "metrics_path": "/metrics/measured"}
        return (usual if self.kubelet else exporter) | {"instance": f"{fresh_address('10.3')}:9100"}

    def inject(self, bed: Testbed) -> None:
        labels = self._labels()
        bed.stack.scrape([Target(self._key, labels, tuple(_today(sample) for sample in self.samples))])
        if self.turned:
            bed.stack.expose(self._key, self.turned)
        last = (self.turned or self.samples)[-1]
        query = f'{last.name}{{instance="{labels["instance"]}"}}'
        wanted = last.value if self.turned else None

        def seen() -> bool:
            answer = bed.stack.query(query)
            return any(wanted is None or float(result["value"][1]) == wanted for result in answer)

        poll(seen, f"Prometheus sees {last.name}")

    def clear(self, bed: Testbed) -> None:
        bed.stack.unscrape(self._key)
        bed.stack.hide(self._key)
        forget(bed, '{metrics_path="/metrics/measured"}')


def _today(sample: Sample) -> Sample:
    """A clock's sample is written as what it is away from the time."""
    return replace(sample, value=sample.value + time.time()) if sample.name == "node_time_seconds" else sample


def _cpu(**shares: float) -> tuple[Sample, ...]:
    return tuple(
        Sample("node_cpu_seconds_total", {"cpu": "0", "mode": mode}, 500000.0, share) for mode, share in shares.items()
    )


def _file_system(**values: float) -> tuple[Sample, ...]:
    labels = {"device": "/dev/nvme1n1", "fstype": "xfs", "mountpoint": "/var/lib/containerd"}
    return tuple(Sample(f"node_filesystem_{name}", labels, value) for name, value in values.items())


def _plain(**values: float) -> tuple[Sample, ...]:
    return tuple(Sample(name, {}, value) for name, value in values.items())


def _measured(check: str, name: str, cause: str, samples: tuple[Sample, ...], **more: Any) -> Fault:
    return Measured(check, Expected(check, "Node", None, name, cause), (), samples, **more)


_DISK = {"size_bytes": 200.0 * GI, "avail_bytes": 120.0 * GI, "files": 1e7, "files_free": 9e6}

FAULTS: tuple[Fault, ...] = (
    Cordoned("node-cordoned", Expected("node-cordoned", "Node", None, "worker-2", "takes no new pods"), ()),
    Detected(
        "node-problem",
        Expected("node-problem", "Node", None, "worker-3", "task docker:7 blocked"),
        (),
        "KernelDeadlock",
        "DockerHung",
        "kernel: INFO: task docker:7 blocked for more than 120 seconds.",
    ),
    NodeStatus(
        "kubelet-version-skew",
        Expected("kubelet-version-skew", "Cluster", None, "testbed", "4 minor versions"),
        (),
        "worker-5",
        ("nodeInfo", "kubeletVersion"),
        "v1.32.9",
        "v1.36.3",
    ),
    NodeStatus(
        "node-pods-nearly-full",
        Expected("node-pods-nearly-full", "Node", None, "gpu-1", "pods allowed"),
        (),
        "gpu-1",
        ("allocatable", "pods"),
        "3",
        "110",
    ),
    ZoneLost(
        "zone-down",
        Expected("zone-down", "Zone", None, "eu-west-1a", "Kubelet stopped posting node status"),
        ("pod-not-ready", "deployment-unavailable", "service-without-endpoints", "webhook-without-endpoints"),
        ("worker-1", "worker-4"),
    ),
    CrowdedNodes(
        "capacity-without-one-node",
        Expected("capacity-without-one-node", "Cluster", None, "testbed", "of cpu"),
        (),
        5,
        "6",
    ),
    CertificateAsked(
        "kubelet-csr-pending",
        Expected("kubelet-csr-pending", "Signer", None, "kubernetes.io/kubelet-serving", "csr-worker-3"),
        (),
        "csr-worker-3",
    ),
    _measured(
        "kubelet-certificate-expires",
        "worker-1",
        "client certificate",
        (Sample("kubelet_certificate_manager_client_ttl_seconds", {}, 4 * 86400.0, -1.0),),
        kubelet=True,
    ),
    _measured("node-disk-nearly-full", "worker-3", "/var/lib/containerd",
              _file_system(**_DISK | {"avail_bytes": 6.0 * GI}, readonly=0.0)),
    _measured("node-file-system-read-only", "worker-3", "is now read-only", _file_system(**_DISK, readonly=0.0),
              turned=_file_system(**_DISK, readonly=1.0)),
    _measured("node-memory-high", "worker-2", "of its memory",
              _plain(node_memory_MemTotal_bytes=32.0 * GI, node_memory_MemAvailable_bytes=1.5 * GI)),
    _measured("node-cpu-high", "worker-2", "is busy", _cpu(user=0.8, system=0.15, iowait=0.01, idle=0.04)),
    _measured("node-clock-wrong", "worker-5", "differs from that of Prometheus",
              (Sample("node_time_seconds", {}, -90.0, 1.0),)),
    _measured("node-kernel-limit-near", "worker-4", "tracked connections",
              _plain(node_nf_conntrack_entries_limit=262144.0, node_nf_conntrack_entries=251000.0)),
)  # fmt: skip
