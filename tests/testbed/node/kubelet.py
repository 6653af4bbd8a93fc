"""kubelet and kube-proxy on the node's machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.testbed.controlplane import LEASE_SECONDS, POD_RANGE, Client
from tests.testbed.node.machine import Machine
from tests.testbed.node.runtime import SOCKET
from tests.testbed.pki import Authority, Pair, kubeconfig

PORT = 10250
Settings = dict[str, Any]


class Kubelet:
    """The agents of node *name* at *address*; the control plane's *authority* vouches for them."""

    def __init__(self, machine: Machine, programs: dict[str, Path], name: str, address: str, server: str) -> None:
        self.machine = machine
        self.programs = programs
        self.name = name
        self.address = address
        self.server = server
        self.supervisor = machine.supervisor
        self.directory = machine.directory
        self.pki = Authority(self.supervisor.directory / "pki")
        self.url = f"https://{address}:{PORT}"

    def start_kubelet(self, settings: Settings | None = None) -> None:
        """Start kubelet with its usual configuration but for *settings*, and wait until it answers."""
        client = self.pki.sign(f"system:node:{self.name}", "system:nodes")
        serving = self.pki.sign("kubelet", addresses=(self.address, self.name))
        config = self._write("kubelet.json", self._configuration(serving) | (settings or {}))
        flags = {
            "config": config,
            "kubeconfig": kubeconfig(self.directory / "kubelet.kubeconfig", self.server, self.pki.certificate, client),
            "hostname-override": self.name,
            "node-ip": self.address,
            # So that cadvisor, which is in the kubelet, knows the containers.
            "containerd": SOCKET,
            "containerd-namespace": "k8s.io",
            "v": 1,
        }
        self.machine.start("kubelet", [self.programs["kubelet"], *(f"--{k}={v}" for k, v in flags.items())])
        admin = Pair(self.pki.directory / "admin.crt", self.pki.directory / "admin.key")
        self.supervisor.wait_ready("kubelet", Client(self.pki.certificate, admin).ok(f"{self.url}/healthz"))

    def start_proxy(self) -> None:
        client = self.pki.sign("system:kube-proxy")
        path = kubeconfig(self.directory / "kube-proxy.kubeconfig", self.server, self.pki.certificate, client)
        config = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(path)},
            "clusterCIDR": POD_RANGE,
            "mode": "iptables",
            "hostnameOverride": self.name,
            "nodeIPOverride": self.address,
            "iptables": {"localhostNodePorts": False},
            # The limits of connection tracking are the whole kernel's.
            "conntrack": {"maxPerCore": 0},
        }
        written = self._write("kube-proxy.json", config)
        self.machine.start("kube-proxy", [self.programs["kube-proxy"], f"--config={written}"])

    def _write(self, name: str, content: Settings) -> Path:
        path = self.directory / name
        path.write_text(json.dumps(content, indent=1))
        return path

    def _configuration(self, serving: Pair) -> Settings:
        resolv = self.directory / "pod-resolv.conf"
        resolv.write_text("nameserver 127.0.0.1\n")
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address,
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                               "x509": {"clientCAFile": str(self.pki.certificate)}},
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(serving.certificate),
            "tlsPrivateKeyFile": str(serving.key),
            "clusterDNS": ["10.96.0.10"],
            "clusterDomain": "cluster.local",
            "resolvConf": str(resolv),
            "failSwapOn": False,
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.machine.cgroup}",
            "makeIPTablesUtilChains": False,
            "nodeLeaseDurationSeconds": LEASE_SECONDS,
            "nodeStatusUpdateFrequency": "4s",
            # Whatever else fills the memory of this machine is not the node's.
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%",
                             "imagefs.available": "15%"},
            "evictionPressureTransitionPeriod": "10s",
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "volumeStatsAggPeriod": "10s",
            "registerNode": True,
        }  # fmt: skip
