"""Clusters whose nodes are simulated: pods are ready there and do nothing, so most proofs cannot be had."""

from __future__ import annotations

from functools import wraps

from hubops.bootstrap.gate import Gate, Installed, Verdict, untried
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import SourceError

#: kwok's mark on the nodes that it simulates.
_MARK = "kwok.x-k8s.io/node"


def unless_simulated(gate: Gate) -> Gate:
    """*gate*, which cannot be tried, instead of being waited for, where all nodes are simulated."""

    @wraps(gate)
    def asked(at: Installed) -> Verdict:
        try:
            verdict = gate(at)
        except SourceError as error:
            if not _simulated(at.target.cluster):
                raise
            return untried(f"no pod does anything on simulated nodes (kwok): {error}")
        if verdict.state == "waiting" and _simulated(at.target.cluster):
            return untried(f"no pod does anything on simulated nodes (kwok): {verdict.words}")
        return verdict

    return asked


def _simulated(cluster: KubeWriter) -> bool:
    nodes = cluster.find("v1", "Node")
    return bool(nodes) and all(_MARK in (each["metadata"].get("annotations") or {}) for each in nodes)
