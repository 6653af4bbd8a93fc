"""node-pods-nearly-full: nodes that may hardly take another pod, whatever else they have left."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.engine.probe import probe
from hubops.engine.probes import evidence
from hubops.engine.probes.node_facts import takes_pods
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref, Value
from hubops.model.kube.core import Node
from hubops.model.quantity import parse_quantity


@probe(needs=("nodes", "pods"))
def node_pods_nearly_full(view: View, *, ratio: float, together: float) -> Iterator[Hit]:
    """Nodes with *ratio* or more of the pods that their kubelet allows; one hit of the cluster where all of the nodes
    that take pods have *together* or more.

    The kubelet counts what has not ended, also while it is being deleted.
    """
    counts = {node.name: (_used(view, node), _allowed(node)) for node in view.objects.nodes if takes_pods(node)}
    used, allowed = (sum(column) for column in zip(*counts.values(), strict=True)) if counts else (0, 0.0)
    if len(counts) > 1 and allowed and used / allowed >= together:
        yield _hit(Ref("Cluster", view.snapshot.cluster), "all nodes together hold", used, allowed, "warning")
        return
    for name, (here, most) in counts.items():
        if most and here / most >= ratio:
            yield _hit(Ref("Node", name), "it holds", here, most)


def _used(view: View, node: Node) -> int:
    return sum(1 for pod in view.pods_on.get(node.name, ()) if pod.status.phase not in {"Succeeded", "Failed"})


def _allowed(node: Node) -> float:
    return parse_quantity(node.status.allocatable.get("pods", "0"))


def _hit(ref: Ref, who: str, used: int, allowed: float, severity: str | None = None) -> Hit:
    return Hit(
        ref=ref,
        summary=f"{who} {used} of {allowed:.0f} pods allowed: others wait, of DaemonSets too",
        evidence=(evidence.fact(f"allocatable pods: {allowed:.0f}; not ended: {used}"),),
        value=Value(used / allowed, "ratio"),
        severity="warning" if severity else None,
        details={"node": ref.name} if ref.kind == "Node" else {},
    )
