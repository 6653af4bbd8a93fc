"""containerd on the node's machine: its configuration, its network for pods, and the images it has."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.testbed.controlplane import POD_RANGE
from tests.testbed.errors import TestbedError
from tests.testbed.node import images
from tests.testbed.node.images import Image
from tests.testbed.node.machine import Machine
from tests.testbed.node.requirements import cni_folder

SOCKET = "/run/containerd/containerd.sock"
PAUSE = "registry.k8s.io/pause:3.10"
BUSYBOX = "docker.io/library/busybox:1.35"
_CRI = "io.containerd.grpc.v1.cri"


class Runtime:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.directory = machine.directory

    def start(self, registry: str) -> None:
        """Start containerd; it pulls from *registry* (host:port) over plain HTTP."""
        self._trust(registry)
        self._write("10-pods.conflist", "cni", json.dumps(_pod_network()))
        self.machine.start("containerd", ["containerd", "--config", self._config()])
        self.machine.supervisor.wait_ready("containerd", self.answers)

    def answers(self) -> bool:
        try:
            return "runtime-handler" in self.ctr("plugins", "ls") or bool(self.ctr("version"))
        except TestbedError:
            return False

    def ctr(self, *words: str | Path) -> str:
        return self.machine.run("ctr", "--address", SOCKET, "--namespace", "k8s.io", *words)

    def load(self, archive: str, loaded: Iterable[Image]) -> None:
        """Let the node have these images, as if it had pulled them."""
        path = images.write(self.directory / f"{archive}.tar", loaded)
        self.ctr("images", "import", path)
        path.unlink()

    def load_busybox(self, *names: str) -> None:
        """Busybox under its own name, as the sandbox of every pod, and under *names*."""
        program = Path(self.machine.run("which", "busybox").strip())
        applets = self.machine.run(program, "--list").split()
        self.load("busybox", [images.busybox(program, applets, (PAUSE, BUSYBOX, *names))])

    def _trust(self, registry: str) -> None:
        hosts = f'server = "http://{registry}"\n[host."http://{registry}"]\n  capabilities = ["pull", "resolve"]\n'
        self._write("hosts.toml", f"registries/{registry}", hosts)

    def _write(self, name: str, folder: str, content: str) -> Path:
        path = self.directory / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def _config(self) -> Path:
        content = f"""
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{SOCKET}"
[plugins."{_CRI}"]
  sandbox_image = "{PAUSE}"
  # Without CAP_SYS_RESOURCE nothing may be made less likely to be killed than it is.
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
[plugins."{_CRI}".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[plugins."{_CRI}".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."{_CRI}".cni]
  bin_dir = "{cni_folder()}"
  conf_dir = "{self.directory / "cni"}"
[plugins."{_CRI}".registry]
  config_path = "{self.directory / "registries"}"
"""
        tomllib.loads(content)
        return self._write("containerd.toml", ".", content)


def _pod_network() -> dict[str, Any]:
    subnet = POD_RANGE.replace("/16", "/24")
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, ports]}
