"""Whether the cluster is new and large enough, and the one that is meant.

The smallest cluster is the one that the platform's owner names: 3 nodes, 32 CPU and 64 GB of memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hubops.bootstrap.preflight.finding import Finding, Id, Prospect
from hubops.model.quantity import human_bytes, parse_quantity
from hubops.model.text import inert

NODES = 3
CORES = 32
MEMORY = 64e9  # bytes
#: How a node of each cloud begins its providerID.
_PROVIDER = {"aws": "aws://", "gcp": "gce://", "azure": "azure://"}


def version(at: Prospect) -> Iterator[Finding]:
    """The version of Kubernetes."""
    there = at.cluster.version()
    wanted = tuple(int(part) for part in at.stack.kubernetes.split("."))
    match = re.match(r"v?(\d+)\.(\d+)", there)
    if match and (int(match[1]), int(match[2])) >= wanted:
        yield Finding("kubernetes", "ok", f"Kubernetes {there}")
    else:
        needs = f"the platform needs {at.stack.kubernetes} or newer"
        yield Finding("kubernetes", "failed", f"Kubernetes is {there}; {needs}")


def nodes(at: Prospect) -> Iterator[Finding]:
    """Nodes, CPU and memory, of nodes that take ordinary pods; and whose the nodes are."""
    found = [each for each in at.cluster.find("v1", "Node") if _takes_pods(each)]
    cores = sum(_allocatable(each, "cpu") for each in found)
    memory = sum(_allocatable(each, "memory") for each in found)
    yield _enough("nodes", len(found), NODES, f"{len(found)} nodes take pods", f"{NODES} are needed")
    yield _enough("cpu", cores, CORES, f"{cores:g} CPU in all", f"{CORES} are needed")
    yield _enough(
        "memory", memory, MEMORY, f"{human_bytes(memory)} of memory in all", f"{human_bytes(MEMORY)} are needed"
    )
    providers = {(each["spec"].get("providerID") or "").partition("://")[0] + "://" for each in found} - {"://"}
    wanted = _PROVIDER.get(at.site.cloud)
    if wanted and providers and wanted not in providers:
        others = inert(", ".join(sorted(providers)), limit=60)
        text = f"platform.cloud is {at.site.cloud}, but nodes are of {others}; is this the cluster?"
        yield Finding("cloud", "failed", text)


def _takes_pods(node: Mapping[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    taints = node["spec"].get("taints") or []
    return ready and not any(each["effect"] in ("NoSchedule", "NoExecute") for each in taints)


def _allocatable(node: Mapping[str, Any], resource: str) -> float:
    return parse_quantity(node.get("status", {}).get("allocatable", {}).get(resource, "0"))


def _enough(name: Id, there: float, wanted: float, has: str, needs: str) -> Finding:
    return Finding(name, "ok", has) if there >= wanted else Finding(name, "failed", f"{has}; {needs}")
