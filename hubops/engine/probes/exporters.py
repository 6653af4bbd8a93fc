"""node-exporter-missing and kube-state-metrics-missing: exporters that Prometheus does not even try to scrape.

One that it scrapes and that does not answer is target-down's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import Absent, probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref
from hubops.model.kube.core import Node
from hubops.model.kube.workloads import DaemonSet, Deployment, StatefulSet

_NODE_TARGETS = 'promql:group by (namespace, pod, node, nodename, instance) (up{job=~".*node.?exporter.*"})'
_STATE_TARGETS = 'promql:count(up{job=~".*kube-state-metrics.*"} or kube_node_info)'
_NAME = "app.kubernetes.io/name"
#: The label of what the charts of both sides make: of kube-prometheus-stack, and of kube-prometheus.
_NODE_EXPORTERS = frozenset({"node-exporter", "prometheus-node-exporter"})
#: Nodes that run no DaemonSets, by label.
_VIRTUAL = {"type": "virtual-kubelet", "eks.amazonaws.com/compute-type": "fargate"}


@probe(needs=("nodes", _NODE_TARGETS), uses=("pods", "daemonsets"))
def node_exporter_missing(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Nodes older than *grace* whose node exporter is none of Prometheus' targets.

    Left out: nodes of Windows, which have another exporter, and virtual nodes, which run no DaemonSets.
    """
    targets = view.answer(_NODE_TARGETS)
    if not targets:
        installed = [item for item in view.objects.daemonsets if item.metadata.labels.get(_NAME) in _NODE_EXPORTERS]
        if not installed:
            raise Absent("no node exporter: Prometheus has no target of a job node-exporter")
        yield from (_unscraped(item, "node-exporter") for item in installed)
        return
    covered: set[str] = set()
    for labels in (sample.labels for sample in targets):
        names = (labels.get("nodename", ""), view.node_of(labels.get("instance", ""), labels))
        covered.update(names)
    for node in view.objects.nodes:
        if (
            node.name not in covered
            and _expected(node)
            and pods.longer_than(view, node.metadata.creation_timestamp, grace)
        ):
            yield _node(view, node)


def _expected(node: Node) -> bool:
    labels = node.metadata.labels
    virtual = any(labels.get(name) == value for name, value in _VIRTUAL.items())
    return not virtual and labels.get("kubernetes.io/os", "linux") == "linux" and not node.metadata.deletion_timestamp


def _node(view: View, node: Node) -> Hit:
    here = [pod for pod in view.pods_on.get(node.name, ()) if pod.metadata.labels.get(_NAME) in _NODE_EXPORTERS]
    said = f"pod {here[0].name} is {here[0].status.phase}" if here else "no pod of it runs there"
    return Hit(
        ref=Ref("Node", node.name),
        summary="Prometheus scrapes no node exporter of it: CPU, memory, disks and clock are not watched",
        evidence=(evidence.fact(f"node exporter: {said}"),),
        depends_on=tuple(view.owner(pod) for pod in here),
        details={"node": node.name},
    )


@probe(needs=(_STATE_TARGETS,), uses=("deployments", "statefulsets"))
def kube_state_metrics_missing(view: View) -> Iterator[Hit]:
    """kube-state-metrics that is installed and is none of Prometheus' targets."""
    if view.answer(_STATE_TARGETS):
        return
    made: tuple[Deployment | StatefulSet, ...] = (*view.objects.deployments, *view.objects.statefulsets)
    installed = [item for item in made if item.metadata.labels.get(_NAME) == "kube-state-metrics"
                 or item.name.endswith("kube-state-metrics")]  # fmt: skip
    if not installed:
        raise Absent("no kube-state-metrics: Prometheus has no series of it, and nothing here runs it")
    yield from (_unscraped(item, "kube-state-metrics") for item in installed)


def _unscraped(item: DaemonSet | Deployment | StatefulSet, job: str) -> Hit:
    """An exporter of which Prometheus has no target at all."""
    scaled_down = isinstance(item, Deployment | StatefulSet) and item.spec.replicas == 0
    why = "it is scaled to zero" if scaled_down else "no monitor selects it"
    return Hit(
        ref=Ref(type(item).__name__, item.name, item.namespace),
        summary=f"{job} is none of Prometheus' targets: {why}, and alerts on its metrics cannot fire",
        evidence=(evidence.fact(f'Prometheus has no series up{{job=~".*{job}.*"}}'),),
    )
