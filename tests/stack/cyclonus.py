"""What cyclonus, which tests network plugins, says of connections: a second judge beside hubops.model.traffic."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any

from hubops.model.traffic import Peer, Port
from tests.testbed import build

Connection = tuple[Peer, Peer, Port]


def refused(policies: Iterable[dict[str, Any]], connections: Sequence[Connection]) -> list[str | None]:
    """Which direction of *policies*, objects as they are written, refuses each of the *connections*."""
    asked = {"policies": list(policies), "traffic": [_traffic(*each) for each in connections]}
    program = build.programs(families=("cyclonus",))["cyclonus"]
    done = subprocess.run([program], input=json.dumps(asked), capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return [direction or None for direction in json.loads(done.stdout)]


def _traffic(source: Peer, target: Peer, port: Port) -> dict[str, Any]:
    return {
        "Source": _peer(source),
        "Destination": _peer(target),
        "ResolvedPort": port.number,
        "ResolvedPortName": port.name,
        "Protocol": port.protocol,
    }


def _peer(peer: Peer) -> dict[str, Any]:
    if peer.labels is None:
        return {"IP": peer.ip}
    labels = {"PodLabels": dict(peer.labels), "NamespaceLabels": dict(peer.namespace_labels)}
    return {"IP": peer.ip, "Internal": {**labels, "Namespace": peer.namespace}}
