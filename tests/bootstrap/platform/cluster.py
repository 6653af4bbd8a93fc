"""A cluster for the whole platform: a real control plane whose nodes look real, what a provider brings, and the servers
and operators that answer for the pods. `hubops bootstrap` runs against it as a process.
"""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from hubops import config, content
from hubops.stack import render
from hubops.stack.load import load as load_stack
from hubops.stack.render import Rendered
from hubops.stack.site import complete
from tests.bootstrap.platform import servers
from tests.bootstrap.platform.charts import CRDS, Server, stand_in
from tests.bootstrap.platform.metrics import Monitoring
from tests.bootstrap.platform.operators import Operators
from tests.bootstrap.repository import Repository
from tests.testbed import sample
from tests.testbed.api import load
from tests.testbed.bed import Testbed
from tests.testbed.controlplane import Client
from tests.testbed.objects import POD_IP, deployment, service, stateful_set
from tests.testbed.process import poll

Object = dict[str, Any]
Completed = subprocess.CompletedProcess[str]
SITE = Path(__file__).with_name("site.yaml")
STACKS = ("stack.yaml", "stack-current.yaml")
#: What a provider of clusters installs before anybody else: storage drivers and the kinds of snapshots.
DRIVERS = ("rbd.csi.ceph.com", "nfs.csi.k8s.io")
#: Versions on the way from one stack to the other: docs/moving-to-current.md.
BETWEEN = {
    "cert-manager": tuple(f"v1.{minor}.5" for minor in range(15, 21)),
    "secret-store": ("0.16.2",),
}
HOSTS = ("grafana", "prometheus", "alertmanager", "loki", "api")
APPLICATIONS = tuple(f"llm-analytics-{name}" for name in ("api", "frontend", "ingestion", "worker", "reports"))
STORES = {"timescaledb": 5432, "redis": 6379, "kafka": 9092}


class Platform:
    """The cluster, and the way of an operator to it."""

    def __init__(self, bed: Testbed, repository: Repository, helm: Path, folder: Path) -> None:
        self.bed, self.repository, self.helm, self.folder = bed, repository, helm, folder
        self.address = str(ipaddress.ip_address(bed.address) - 1)
        services = [f"{name}.{namespace}.svc" for name, namespace in services_behind()]
        webhooks, authority = servers.pair(folder / "webhooks", "webhooks", *services)
        edge, trusted = servers.pair(folder / "edge", "edge", "platform.internal", "*.platform.internal")
        people = type("Told", (servers.People,), {"told": []})
        self.told: list[bytes] = people.told  # type: ignore[attr-defined]
        self._listeners = {
            "tls": servers.Listener(self.address, servers.behind_services(bed.api), webhooks),
            "grafana": servers.Listener(self.address, people),
            "edge": servers.Listener(self.address, servers.edge(bed.api), edge, 443),
        }
        settings = yaml.safe_load(SITE.read_text())
        settings["platform"]["ca_file"] = str(trusted)
        self.settings = folder / "hubops.yaml"
        self.settings.write_text(yaml.safe_dump(settings))
        self.operators = Operators(bed.api, folder, authority, self.address)
        self.monitoring = Monitoring(bed, f"http://{self.address}:{self._listeners['grafana'].port}/chat")
        for stack in STACKS:
            rendered = {each.name: each for each in components(stack) if each.component.chart}
            between = [(name, version) for name, versions in BETWEEN.items() for version in versions]
            charts = [(name, "") for name in rendered] + between
            repository.add(*(stand_in(rendered[name], self._servers(), version) for name, version in charts))

    def _servers(self) -> dict[str, Server]:
        own = {name: Server(each.address, each.port) for name, each in self._listeners.items()}
        return own | {name: Server(self.bed.address, port) for name, port in (("loki", 3100), ("prometheus", 9090))}

    def stop(self) -> None:
        self.operators.stop()
        self.monitoring.stop()
        for each in self._listeners.values():
            each.stop()

    @property
    def trouble(self) -> list[str]:
        """What went wrong in the test's own operators."""
        return [*self.operators.trouble, *self.monitoring.trouble]

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "HUBOPS_CONFIG": str(self.settings)}

    def arguments(self, verb: str, *arguments: str, stack: str = STACKS[0]) -> list[str]:
        flags = ["--stack", stack, "--kubeconfig", str(self.bed.kubeconfig), "--helm", str(self.helm)]
        for name in load_stack(content.folder("deploy") / stack).repositories:
            flags += ["--repo", f"{name}={self.repository.url}"]
        return [sys.executable, "-m", "hubops.cli", "bootstrap", verb, *arguments, *flags]

    def run(self, verb: str, *arguments: str, stack: str = STACKS[0]) -> Completed:
        """`hubops bootstrap` with these arguments, to its end."""
        command = self.arguments(verb, *arguments, stack=stack)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=400, env=self.environment)

    def start(self, verb: str, *arguments: str) -> subprocess.Popen[str]:
        command = self.arguments(verb, *arguments)
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
        )

    def daily(self, *arguments: str) -> Completed:
        """`hubops daily` on a machine whose resolver knows the hosts of the platform."""
        hosts = self.folder / "hosts"
        names = " ".join(["platform.internal", *(f"{name}.platform.internal" for name in HOSTS)])
        hosts.write_text(f"127.0.0.1 localhost\n{self.address} {names}\n")
        own = ["unshare", "--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
        command = [
            *own,
            sys.executable,
            "-m",
            "hubops.cli",
            "daily",
            "--kubeconfig",
            str(self.bed.kubeconfig),
            *arguments,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=self.environment)

    def applications(self) -> None:
        """What the site itself deploys into the platform, as hubops expects it to be called."""
        namespace, behind = "llm-analytics", self._servers()["grafana"]
        for name in APPLICATIONS:
            self.bed.api.apply(deployment(namespace, name, annotations={POD_IP: behind.address}, port=behind.port))
            self.bed.api.apply(service(namespace, name, {"app": name}, 8080, target=behind.port))
        for name, port in STORES.items():
            self.bed.api.apply(stateful_set(namespace, name, f"registry.k8s.io/{name}:1.0", 1, "10Gi", port=port))
            self.bed.api.apply(service(namespace, name, {"app": name}, port, clusterIP="None"))
        poll(self._applications_ready, "the applications ready", 60)
        lines = [(time.time(), "level=info msg=ready")]
        self.bed.stack.log(({"namespace": namespace, "app": name}, lines) for name in APPLICATIONS)

    def _applications_ready(self) -> bool:
        found = [*self.bed.api.list("Deployment", "llm-analytics"), *self.bed.api.list("StatefulSet", "llm-analytics")]
        return all(each["status"].get("readyReplicas") == each["spec"]["replicas"] for each in found)

    def applications_end(self) -> None:
        """The site takes its applications away, with their data."""
        for kind in ("Deployment", "StatefulSet", "Service", "PersistentVolumeClaim"):
            for each in self.bed.api.list(kind, "llm-analytics"):
                version = {"Deployment": "apps/v1", "StatefulSet": "apps/v1"}.get(kind, "v1")
                self.bed.api.delete({"apiVersion": version, "kind": kind, **each})
        poll(lambda: not self.bed.api.list("Pod", "llm-analytics"), "the applications gone", 60)


#: What cannot be tried: only who has logged in to Grafana sees dashboards, and applications are the site's.
UNTRIED = {"monitoring: dashboards-loaded", "hosts: ingress-routes"}


def untried(done: Completed) -> set[str]:
    """The gates that could not be tried, after their components."""
    return {
        line.partition(" could not be tried")[0] for line in done.stdout.splitlines() if "could not be tried" in line
    }


def components(stack: str = STACKS[0]) -> list[Rendered]:
    """Every component of *stack* at the site, rendered."""
    folder = content.folder("deploy")
    loaded, site = load_stack(folder / stack), complete(config.load(SITE, {}), str(SITE))
    return [render.render(loaded, folder, site, name) for name in loaded.components]


def services_behind() -> set[tuple[str, str]]:
    """The Services, with their namespaces, whose pods are servers of the test."""
    from tests.bootstrap.platform.charts import CHARTS

    found = set()
    for stack in STACKS:
        for each in components(stack):
            chart = each.component.chart
            for row in CHARTS[chart.name].get("services", []) if chart else []:
                found.add((row["name"], each.component.namespace or ""))
    return found


@contextmanager
def control_plane() -> Iterator[Testbed]:
    """A testbed whose API server reaches Services at their pods, and whose nodes do not say that they are simulated."""
    bed = Testbed.start(sample=False)
    try:
        clients = ("kube-controller-manager", "kube-scheduler", "kwok")
        for program in clients:  # one that starts just now would end with the API server
            bed.supervisor.stop(program)
        _again(bed, "kube-apiserver", "--enable-aggregator-routing=true")
        bed.supervisor.wait_ready("kube-apiserver", Client(bed.authority, bed.admin).ok(f"{bed.server}/readyz"))
        for program in clients:
            flags = ("--manage-all-nodes=true", "--manage-nodes-with-annotation-selector=") if program == "kwok" else ()
            _again(bed, program, *flags)
        for node in sample.nodes():
            node["metadata"].pop("annotations")
            node["spec"].pop("taints", None)
            bed.api.apply(node)
        for item in (*map(driver, DRIVERS), *load(CRDS / "external-snapshotter.yaml")):
            bed.api.apply(item)
        poll(lambda: all(_takes_pods(each) for each in bed.api.list("Node")), "the nodes ready", 60)
        yield bed
    finally:
        bed.stop()


def _again(bed: Testbed, program: str, *flags: str) -> None:
    """Start *program* again with other flags."""
    bed.supervisor.stop(program)
    names = {each.partition("=")[0] for each in flags}
    kept = [each for each in bed.supervisor.state.commands[program] if each.partition("=")[0] not in names]
    bed.supervisor.start(program, [*kept, *flags])


def _takes_pods(node: Object) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not node["spec"].get("taints")


def driver(name: str) -> Object:
    return {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": name}, "spec": {}}


def written(audit_log: Path, since: int) -> list[str]:
    """What hubops and its helm have changed since *since* bytes of the audit log, as "verb path"."""
    with audit_log.open("rb") as file:
        file.seek(since)
        events = [json.loads(line) for line in file if line.strip()]
    return [
        f"{each['verb']} {each['requestURI']}"
        for each in events
        if each["verb"] in ("create", "update", "patch", "delete", "deletecollection")
        and each.get("userAgent", "").startswith(("hubops", "Helm", "helm"))
    ]
