"""One test's own corner of a shared cluster: its namespaces, its kind and its releases have names of their own, so that
no test waits until the namespaces of the last are gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bootstrap import stand_ins
from tests.bootstrap.repository import Repository
from tests.stack.rendered import site_file
from tests.testbed.bed import Testbed

Completed = subprocess.CompletedProcess[str]


@dataclass
class World:
    """`hubops bootstrap` on the stand-ins, and what it leaves on the cluster."""

    bed: Testbed
    repository: Repository
    helms: dict[str, Path]
    folder: Path
    helm: str = "helm"
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:6])

    def __post_init__(self) -> None:
        self.paint, self.shop, self.release = f"paint-{self.mark}", f"shop-{self.mark}", f"corner-shop-{self.mark}"
        self.group = f"g{self.mark}.example.com"
        self.kubeconfig = self.bed.kubeconfig
        self.repository.add(stand_ins.paint(self.group), stand_ins.SHOP)
        self.stack = self.write()

    def write(self, **changes: str) -> Path:
        """The stack's files, with `changes` to them: the version of the chart `paint`, or a file by its name."""
        return stand_ins.write(self.folder / "stack", self.repository, self.mark, **changes)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "HUBOPS_CONFIG": str(site_file("none"))}

    def arguments(self, *arguments: str) -> list[str]:
        flags = ["--stack", str(self.stack), "--kubeconfig", str(self.kubeconfig)]
        flags += [] if "--helm" in arguments else ["--helm", str(self.helms[self.helm])]
        return [sys.executable, "-m", "hubops.cli", "bootstrap", *arguments, *flags]

    def run(self, *arguments: str) -> Completed:
        """`hubops bootstrap` with these arguments, to its end."""
        return subprocess.run(
            self.arguments(*arguments), capture_output=True, text=True, check=False, timeout=120, env=self.environment
        )

    def apply(self, *arguments: str) -> Completed:
        return self.run("apply", "--yes", *arguments)

    def installed(self) -> Completed:
        """An apply that has to succeed."""
        done = self.apply()
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The same as a process that runs, whose progress is read from its stderr; it ends where it waits in vain."""
        command = self.arguments(*arguments, "--timeout", "60s")
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment,
            start_new_session=True,
        )  # fmt: skip

    def helm_run(self, *arguments: str) -> str:
        """What the operator's own helm says."""
        command = [str(self.helms[self.helm]), *arguments, "--kubeconfig", str(self.bed.kubeconfig)]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=120, env=self.environment
        ).stdout

    def color(self, name: str) -> dict[str, Any]:
        """The object of the kind that the chart `paint` brings."""
        metadata = {"namespace": self.paint, "name": name}
        return {"apiVersion": f"{self.group}/v1", "kind": "Color", "metadata": metadata}

    def colors(self) -> dict[str, dict[str, str]]:
        path = f"/apis/{self.group}/v1/namespaces/{self.paint}/colors"
        return {each["metadata"]["name"]: each["spec"] for each in self.bed.api.call("GET", path)["items"]}

    def deployments(self) -> dict[str, dict[str, Any]]:
        found = [*self.bed.api.list("Deployment", self.paint), *self.bed.api.list("Deployment", self.shop)]
        return {each["metadata"]["name"]: each for each in found}

    def records(self) -> dict[str, str]:
        found = self.bed.api.list("ConfigMap", "hubops", labelSelector="hubops.io/component")
        return {each["metadata"]["name"].removeprefix("component-"): each["data"]["record.json"] for each in found}

    def holder(self) -> str:
        """Who holds the lock of the cluster."""
        lease = self.bed.api.get("Lease", "hubops", "bootstrap") or {"spec": {}}
        return str(lease["spec"].get("holderIdentity") or "")

    def state(self) -> dict[str, Any]:
        """What a run leaves that must not depend on how it came there."""
        deployments = {
            name: (each["spec"]["replicas"], each["metadata"]["labels"]) for name, each in self.deployments().items()
        }
        return {"colors": self.colors(), "deployments": deployments, "records": self.records()}

    def releases(self) -> dict[str, str]:
        """The state of each release, by its name."""
        return {name: status for space in (self.paint, self.shop) for name, status in self._releases(space)}

    def _releases(self, namespace: str) -> Iterator[tuple[str, str]]:
        """Helm labels what it stores with it; the newest revision counts."""
        found = self.bed.api.list("Secret", namespace, labelSelector="owner=helm")
        for each in sorted(found, key=lambda item: int(item["metadata"]["labels"]["version"])):
            yield each["metadata"]["labels"]["name"], each["metadata"]["labels"]["status"]

    def clear(self) -> None:
        """Forget the installation; what it made goes away by itself while the next test runs."""
        for name in (self.paint, self.shop):
            self.bed.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
        self.bed.api.delete(crd | {"metadata": {"name": f"colors.{self.group}"}})
        for name in self.records():
            metadata = {"namespace": "hubops", "name": f"component-{name}"}
            self.bed.api.delete({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        self.bed.api.delete(lease | {"metadata": {"namespace": "hubops", "name": "bootstrap"}})
