"""daemonset-misscheduled: pods of DaemonSets left behind on nodes that were tainted after they came."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.engine.probe import probe
from hubops.engine.probes import daemonsets, evidence, node_fit, pods, scheduling
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref
from hubops.model.kube.core import Node
from hubops.model.kube.workloads import DaemonSet

#: How the keys of taints begin that come and go: a node's troubles, one that is set up, one that is drained.
_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "karpenter.sh/", "ToBeDeletedBy")


@probe(needs=("daemonsets", "pods", "nodes"))
def daemonset_misscheduled(view: View) -> Iterator[Hit]:
    """Pods of DaemonSets on nodes that they would not be given today, and that nothing takes away.

    Only a taint of effect NoSchedule that came later leaves a pod where it is. A node that is drained has one by
    design, and so has one that is in trouble.
    """
    for item in view.objects.daemonsets:
        if not item.status.number_misscheduled or item.metadata.deletion_timestamp is not None:
            continue
        for pod in filter(pods.alive, daemonsets.own_pods(view, item)):
            node = view.find(Ref("Node", pod.spec.node_name))
            if isinstance(node, Node) and (taints := _lingers(item, node)):
                yield Hit(
                    ref=pods.reference(pod),
                    summary=f"runs where it would not be placed again: it does not tolerate taint {', '.join(taints)}",
                    evidence=(evidence.fact(f"node {node.name}: taint {', '.join(taints)}, effect NoSchedule"),),
                    details=pods.details(pod),
                    example=node.name,
                )


def _lingers(item: DaemonSet, node: Node) -> list[str]:
    """The taints that a pod on *node* does not tolerate, where they are all that is against it and leave it there."""
    spec = daemonsets.pod_spec(item)
    against = scheduling.untolerated(node, spec.tolerations)
    if not node_fit.selects(spec, node) or any(t.effect == "NoExecute" or t.key.startswith(_PASSING) for t in against):
        return []
    return [f"{t.key}={t.value}" if t.value else t.key for t in against]
