"""A testbed with a real node: what runs in it really runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.testbed import build
from tests.testbed.bed import Testbed, quiet
from tests.testbed.controlplane import Client
from tests.testbed.node import platform, registry, requirements
from tests.testbed.node.kubelet import Kubelet
from tests.testbed.node.machine import Machine
from tests.testbed.node.runtime import Runtime
from tests.testbed.process import State, Supervisor, poll

NAME = "node"
NODE = "worker-1"
# Reached by this name from the node; plain HTTP.
REGISTRY = "registry.example.com:5000"


class NodeTestbed(Testbed):
    """A running testbed whose one node, `worker-1`, is real. There is no kwok in it.

    machine   where it runs: run commands there, mount volumes
    runtime   its containerd: load images
    kubelet   its agents: stop them, start them otherwise
    """

    __test__ = False

    def __init__(self, directory: Path, supervisor: Supervisor | None = None) -> None:
        super().__init__(directory, supervisor)
        self.node = NODE
        self.hands = supervisor or Supervisor(directory, State.load(directory))

    @classmethod
    def with_node(cls, name: str | None = None, *, say: Callable[[str], None] = quiet) -> Self:
        """Start a testbed and join a node to it; ready when the node is and its platform runs.

        Raises TestbedError that lists what this machine lacks for it.
        """
        requirements.provide(say)
        build.programs(say, ("node",))
        bed = cls.start(name, sample=False, kwok=False, say=say)
        try:
            bed._join(say)
        except BaseException:
            assert bed.supervisor
            bed.supervisor.end_but_keep_logs()
            raise
        return bed

    @property
    def machine(self) -> Machine:
        return Machine(self.hands)

    @property
    def runtime(self) -> Runtime:
        return Runtime(self.machine)

    @property
    def kubelet(self) -> Kubelet:
        programs = build.programs(quiet, ("node",))
        return Kubelet(self.machine, programs, NODE, self.address, self.server)

    def _join(self, say: Callable[[str], None]) -> None:
        host, _, port = REGISTRY.partition(":")
        self.hands.start("registry", [sys.executable, "-I", registry.__file__, self.address, port])
        self.hands.wait_ready("registry", Client(self.authority, self.admin).ok(f"http://{self.address}:{port}/v2/"))
        Machine.create(self.hands, {host: self.address})
        self.runtime.start(REGISTRY)
        self.runtime.load_busybox(*platform.images())
        self.kubelet.start_kubelet()
        self.kubelet.start_proxy()
        poll(self.ready, "the node Ready")
        platform.apply(self, say)

    def condition(self, kind: str) -> str | None:
        """The status of the node's condition *kind*: "True", "False" or "Unknown"; None before it has one."""
        node = self.api.get("Node", None, NODE)
        conditions = node["status"].get("conditions", []) if node else []
        return next((c["status"] for c in conditions if c["type"] == kind), None)

    def ready(self) -> bool:
        return self.condition("Ready") == "True"

    def stop_kubelet(self) -> None:
        self.hands.stop("kubelet")

    def start_kubelet(self, **settings: Any) -> None:
        """Start the kubelet again, with these settings of its configuration."""
        self.kubelet.start_kubelet(settings)
