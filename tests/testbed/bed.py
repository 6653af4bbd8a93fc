"""The testbed as tests see it: start it, or attach to one that runs, then use its API, its URLs and its faults."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.testbed import age, build, network, rights
from tests.testbed.api import Api
from tests.testbed.controlplane import Client as HealthClient
from tests.testbed.controlplane import ControlPlane, Host
from tests.testbed.errors import TestbedError
from tests.testbed.etcd import Access, Etcd
from tests.testbed.observability import Observability, Programs, Urls
from tests.testbed.pki import Pair, kubeconfig
from tests.testbed.process import STATE_FILE, State, Supervisor, myself, state_home, sweep

BACKGROUND = "up"


def quiet(message: str) -> None:
    """For callers that want no progress."""


class Testbed:
    """A running testbed.

    directory    everything it has on disk: logs/, audit.log, pki/, kubeconfig, hubops.yaml
    address      where its programs listen
    server       URL of the API server
    etcd         etcd's endpoint, and the ca, cert and key that a client of it needs
    kubeconfig   path, for the administrator
    api          client of the API server, as the administrator
    stack        Prometheus, Alertmanager and Loki (not in a bare testbed); stack.urls has their direct URLs
    in_cluster   whether the API server's service proxy reaches them as Services
    """

    __test__ = False

    def __init__(self, directory: Path, supervisor: Supervisor | None = None) -> None:
        state = State.load(directory)
        facts = state.facts
        self.directory = directory
        self.supervisor = supervisor or Supervisor(directory, state)
        self.address = facts["address"]
        self.server = facts["server"]
        self.in_cluster = state.network is not None
        self.bare = "prometheus" not in facts
        self.authority = directory / "pki" / "ca.crt"
        self.admin = Pair(directory / "pki" / "admin.crt", directory / "pki" / "admin.key")
        self.kubeconfig = directory / "kubeconfig"
        self.etcd = Access(facts["etcd"], self.authority, self.admin.certificate, self.admin.key)
        self.store = Etcd(self.etcd.endpoint, self.authority, self.admin)
        self.config = directory / "hubops.yaml"
        self.audit_log = directory / "audit.log"
        self.api = Api(self.server, self.authority, self.admin)
        self._stack: Observability | None = None
        if not self.bare:
            urls = Urls(facts["prometheus"], facts["alertmanager"], facts["loki"], facts["kube_state_metrics"])
            self._stack = Observability(directory, urls)

    @property
    def stack(self) -> Observability:
        if self._stack is None:
            raise TestbedError("a bare testbed has no observability stack")
        return self._stack

    @classmethod
    def start(
        cls,
        name: str | None = None,
        *,
        bare: bool = False,
        controllers: bool = False,
        nodes: bool = False,
        sample: bool = True,
        kwok: bool = True,
        say: Callable[[str], None] = quiet,
    ) -> Self:
        """Start a testbed and wait until it is ready.

        With a *name* it stays until `down`; without, it ends with this process. *bare* is etcd and the API server
        only; *controllers* adds the controller manager to them, *nodes* the scheduler and kwok. *sample* fills it with
        the healthy platform. Without *kwok* there are no nodes until real ones join.
        """
        sweep()
        few = (*build.CONTROL_PLANE, "kwok") if nodes else build.CONTROL_PLANE
        programs = build.programs(say, few if bare else tuple(build.FAMILIES))
        directory = state_home() / (name or f"run-{os.getpid()}-{os.urandom(3).hex()}")
        try:
            directory.mkdir(parents=True)
        except FileExistsError as error:
            raise TestbedError(f"{directory} is there already: another start is under way, or failed") from error
        state = State(owner=None if name else myself())
        supervisor = Supervisor(directory, state)
        try:
            _start_programs(supervisor, programs, bare, controllers, nodes, kwok)
            bed = cls(directory, supervisor)
            if sample and not bare:
                from tests.testbed import sample as healthy

                healthy.apply(bed, say)
            state.facts["ready"] = "yes"
            state.save(directory)
        except BaseException:
            supervisor.end_but_keep_logs()
            raise
        return bed

    @classmethod
    def attach(cls, name: str = BACKGROUND) -> Self:
        """Use a testbed that runs in the background."""
        directory = state_home() / name
        if not running(name):
            raise TestbedError("no testbed is up: make testbed-up")
        return cls(directory)

    def stop(self) -> None:
        self.supervisor.end()

    def end_program(self, name: str) -> None:
        """End one program, as `loki` or `prometheus`: what it knew is no longer to be had."""
        self.supervisor.stop(name)

    def start_program(self, name: str) -> None:
        """Start a program that was ended, and wait until it is ready."""
        self.supervisor.start_again(name)
        urls = {"kube-apiserver": f"{self.server}/readyz", "etcd": f"{self.etcd.endpoint}/health"}
        if self._stack:
            direct = self._stack.urls
            urls |= {
                "prometheus": f"{direct.prometheus}/-/ready",
                "alertmanager": f"{direct.alertmanager}/-/ready",
                "loki": f"{direct.loki}/ready",
                "kube-state-metrics": f"{direct.kube_state_metrics}/healthz",
            }
        if name in urls:
            self.supervisor.wait_ready(name, HealthClient(self.authority, self.admin).ok(urls[name]))

    def service_account(self, namespace: str, name: str, *rules: dict[str, Any], hours: int = 1) -> Path:
        """A kubeconfig for ServiceAccount *namespace*/*name*, made when missing; by now it may do what *rules* say."""
        role = f"{namespace}-{name}"
        before = (self.api.get("ClusterRole", None, role) or {}).get("rules") or ()
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        self.api.apply(account)
        rbac = "rbac.authorization.k8s.io"
        self.api.apply(
            {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": role}, "rules": list(rules)}
        )
        self.api.apply({
            "apiVersion": f"{rbac}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        })  # fmt: skip
        user = f"system:serviceaccount:{namespace}:{name}"
        rights.in_force(self.api, user, rules, gone=before, namespace=namespace)
        path = self.directory / f"{role}.kubeconfig"
        return kubeconfig(path, self.server, self.authority, self.token(namespace, name, hours), namespace)

    def token(self, namespace: str, name: str, hours: int = 1) -> str:
        path = self.api.path("ServiceAccount", namespace, name) + "/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                "spec": {"expirationSeconds": hours * 3600}}  # fmt: skip
        token: str = self.api.call("POST", path, body)["status"]["token"]
        return token

    def backdate(self, by: dt.timedelta, *prefixes: str) -> None:
        """Make stored objects older than they are (see `age`)."""
        age.backdate(self.store, by, prefixes)


def running(name: str = BACKGROUND) -> bool:
    directory = state_home() / name
    if not (directory / STATE_FILE).exists():
        return False
    state = State.load(directory)
    return "ready" in state.facts and bool(state.processes) and all(p.alive() for p in state.processes)


def _start_programs(
    supervisor: Supervisor, programs: dict[str, Path], bare: bool, controllers: bool, nodes: bool, kwok: bool
) -> None:
    """Everything that can start at once does; what a program needs of another is waited for first."""
    state = supervisor.state
    if network.available():
        state.network, address = network.create(os.getpid())
        state.save(supervisor.directory)
        host = Host(address, own=True)
    else:
        host = Host("127.0.0.1", own=False)
    plane = ControlPlane(supervisor, programs, host, json_storage=not bare)
    state.facts |= {"address": host.address, "server": plane.server, "etcd": plane.etcd}
    later: list[Callable[[], None]] = []
    etcd_ready = plane.start_etcd()
    beside = None if bare else Programs(plane)
    if beside:
        urls = beside.urls
        state.facts |= {
            "prometheus": urls.prometheus,
            "alertmanager": urls.alertmanager,
            "loki": urls.loki,
            "kube_state_metrics": urls.kube_state_metrics,
        }
        later += [
            beside.start_source(),
            beside.start_prometheus(),
            beside.start_alertmanager(),
            beside.start_loki(),
        ]
    etcd_ready()
    plane.start_apiserver()()
    if beside or controllers:
        later.append(plane.start_controllers())
    if beside:
        later.append(beside.start_kube_state_metrics())
    if beside or nodes:
        later.append(plane.start_scheduler())
        if kwok:
            later.append(plane.start_kwok())
    for ready in later:
        ready()
    state.save(supervisor.directory)
