"""How the programs of the control plane are called, and how one knows that they are ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml

from tests.testbed.api import Api, load
from tests.testbed.pki import Authority, Pair, kubeconfig
from tests.testbed.process import Supervisor, free_port, poll

HERE = Path(__file__).parent
ISSUER = "https://kubernetes.default.svc.cluster.local"
SERVICE_RANGE = "10.96.0.0/16"
POD_RANGE = "10.244.0.0/16"
# Short, so that a node whose kubelet stopped is noticed within a test; leases are renewed at a quarter of it.
LEASE_SECONDS = 12
GRACE_SECONDS = 16


@dataclass(frozen=True)
class Host:
    """Where a testbed listens: usual ports on an address of its own, or free ports on loopback."""

    address: str
    own: bool

    def port(self, usual: int) -> int:
        return usual if self.own else free_port()


@dataclass(frozen=True)
class Client:
    """Answers whether an HTTPS or HTTP URL says 200, with the admin's certificate."""

    authority: Path
    user: Pair

    def ok(self, url: str) -> Callable[[], bool]:
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.authority)
        session.cert = (str(self.user.certificate), str(self.user.key))

        def answers() -> bool:
            try:
                return session.get(url, timeout=2).status_code == 200
            except requests.RequestException:
                return False

        return answers


class ControlPlane:
    def __init__(self, supervisor: Supervisor, programs: dict[str, Path], host: Host, *, json_storage: bool) -> None:
        self.run = supervisor
        self.programs = programs
        self.host = host
        self.json_storage = json_storage
        self.directory = supervisor.directory
        self.pki = Authority(self.directory / "pki")
        self.admin = self.pki.sign("admin", "system:masters")
        self.client = Client(self.pki.certificate, self.admin)
        self.serving = self.pki.sign("server", addresses=(host.address, "127.0.0.1", "localhost", "10.96.0.1"))
        self.server = f"https://{host.address}:{host.port(6443)}"
        self.etcd = f"https://{host.address}:{host.port(2379)}"
        self.kubeconfig = kubeconfig(
            self.directory / "kubeconfig", self.server, self.pki.certificate, self.admin, "default"
        )

    def _start(self, program: str, ready: str, flags: dict[str, object], timeout: float = 180.0) -> Callable[[], None]:
        """Start *program*; returns what waits until *ready* (a URL) answers."""
        argv = [str(self.programs[program]), *(f"--{key}={value}" for key, value in flags.items())]
        self.run.start(program, argv)
        return lambda: self.run.wait_ready(program, self.client.ok(ready), timeout)

    def start_etcd(self) -> Callable[[], None]:
        peer = f"https://{self.host.address}:{self.host.port(2380)}"
        tls = {"cert-file": self.serving.certificate, "key-file": self.serving.key}
        flags: dict[str, object] = {
            "name": "testbed",
            "data-dir": self.directory / "etcd",
            "listen-client-urls": self.etcd,
            "advertise-client-urls": self.etcd,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"testbed={peer}",
            "client-cert-auth": "true",
            "trusted-ca-file": self.pki.certificate,
            "peer-trusted-ca-file": self.pki.certificate,
            "quota-backend-bytes": 8 * 2**30,
            # Nothing here has to survive a power cut.
            "unsafe-no-fsync": "true",
            **tls,
            **{f"peer-{key}": value for key, value in tls.items()},
        }
        return self._start("etcd", f"{self.etcd}/health", flags)

    def start_apiserver(self) -> Callable[[], None]:
        policy = self.directory / "audit-policy.yaml"
        rules = [{"level": "Metadata", "omitStages": ["RequestReceived"]}]
        policy.write_text(yaml.safe_dump({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}))
        signer = self.pki.key("service-accounts")
        flags: dict[str, object] = {
            "bind-address": self.host.address,
            "advertise-address": self.host.address,
            "secure-port": self.server.rpartition(":")[2],
            "etcd-servers": self.etcd,
            "etcd-cafile": self.pki.certificate,
            "etcd-certfile": self.admin.certificate,
            "etcd-keyfile": self.admin.key,
            "client-ca-file": self.pki.certificate,
            "tls-cert-file": self.serving.certificate,
            "tls-private-key-file": self.serving.key,
            "kubelet-certificate-authority": self.pki.certificate,
            "kubelet-client-certificate": self.admin.certificate,
            "kubelet-client-key": self.admin.key,
            "kubelet-preferred-address-types": "InternalIP",
            "authorization-mode": "Node,RBAC",
            "service-account-issuer": ISSUER,
            "service-account-key-file": signer,
            "service-account-signing-key-file": signer,
            "service-cluster-ip-range": SERVICE_RANGE,
            "audit-policy-file": policy,
            "audit-log-path": self.directory / "audit.log",
            "audit-log-mode": "batch",
            "max-requests-inflight": 1000,
            "max-mutating-requests-inflight": 1000,
        }
        if self.json_storage:
            flags["storage-media-type"] = "application/json"
        return self._start("kube-apiserver", f"{self.server}/readyz", flags)

    def user(self, name: str, common: str, organisation: str | None = None) -> Path:
        pair = self.pki.sign(common, organisation)
        return kubeconfig(self.directory / f"{name}.kubeconfig", self.server, self.pki.certificate, pair)

    def _serving_flags(self, port: int) -> dict[str, object]:
        return {
            "bind-address": self.host.address,
            "secure-port": port,
            "tls-cert-file": self.serving.certificate,
            "tls-private-key-file": self.serving.key,
            "leader-elect": "false",
            "kube-api-qps": 500,
            "kube-api-burst": 1000,
        }

    def start_controllers(self) -> Callable[[], None]:
        name, port = "kube-controller-manager", self.host.port(10257)
        flags = self._serving_flags(port) | {
            "kubeconfig": self.user(name, f"system:{name}"),
            "use-service-account-credentials": "true",
            "service-account-private-key-file": self.pki.directory / "service-accounts.key",
            "root-ca-file": self.pki.certificate,
            "node-monitor-period": "2s",
            # It would find no metrics API, and say so on every HorizontalPodAutoscaler.
            "controllers": "*,-horizontal-pod-autoscaler-controller",
            "node-monitor-grace-period": f"{GRACE_SECONDS}s",
        }
        return self._start(name, f"https://{self.host.address}:{port}/healthz", flags)

    def start_scheduler(self) -> Callable[[], None]:
        name, port = "kube-scheduler", self.host.port(10259)
        flags = self._serving_flags(port) | {"kubeconfig": self.user(name, f"system:{name}")}
        return self._start(name, f"https://{self.host.address}:{port}/healthz", flags)

    def start_kwok(self) -> Callable[[], None]:
        """The kubelets: kwok plays those of all nodes that carry its annotation."""
        port = self.host.port(10250)
        api = Api(self.server, self.pki.certificate, self.admin)
        for crd in load(HERE / "kwok-crds.yaml"):
            api.apply(crd)
        poll(lambda: api.serves("Logs") and api.serves("ClusterLogs"), "kwok's CRDs served")
        flags: dict[str, object] = {
            "kubeconfig": self.user("kwok", "kwok", "system:masters"),
            "config": HERE / "kwok.yaml",
            "enable-crds": "Logs,ClusterLogs",
            "manage-all-nodes": "false",
            "manage-nodes-with-annotation-selector": "kwok.x-k8s.io/node=fake",
            "cidr": POD_RANGE,
            "node-ip": self.host.address,
            "node-port": port,
            "node-lease-duration-seconds": LEASE_SECONDS,
            "tls-cert-file": self.serving.certificate,
            "tls-private-key-file": self.serving.key,
            "server-address": f"{self.host.address}:{port}",
        }
        return self._start("kwok", f"https://{self.host.address}:{port}/healthz", flags)
