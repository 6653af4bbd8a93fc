"""volume-metrics-missing: mounted claims of which no kubelet tells how full they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.core import Pod
from hubops.model.kube.storage import PersistentVolume, PersistentVolumeClaim, StorageClass
from hubops.model.quantity import human_duration

#: How long ago each claim was last measured, in seconds; a claim that was not within a day has no series.
AGES = """\
promql:time() - max by (namespace, persistentvolumeclaim) (
  max_over_time(timestamp(kubelet_volume_stats_capacity_bytes)[1d:10m])
)"""
#: The kubelets that do not answer Prometheus. kube-prometheus gives their series the labels node and metrics_path.
DOWN = 'promql:min by (namespace, job, node) (up{node!="", metrics_path="/metrics"}) == 0'


class _Mounted(NamedTuple):
    """A claim in use, with the pod that has had it mounted for longest."""

    claim: PersistentVolumeClaim
    pod: Pod
    age: float | None  # seconds since it was last measured; None for never

    @property
    def name(self) -> str:
        return f"{self.claim.namespace}/{self.claim.name}"


@probe(
    needs=("persistentvolumeclaims", "pods", AGES),
    uses=("persistentvolumes", "storageclasses", "nodes", DOWN),
)
def volume_metrics_missing(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Claims that a pod has had mounted for longer than *grace* and that were not measured for as long, by class.

    Info where no claim of the class has ever been: its driver does not measure. Warning where others are, or where
    they were until lately. Where Prometheus has no such series at all, it is one finding about the cluster. Raw block
    volumes have no file system to be measured.
    """
    by_class: dict[str, list[_Mounted]] = defaultdict(list)
    for item in _mounted(view, grace):
        by_class[(item.claim.spec.storage_class_name or "") if _measures(view) else ""].append(item)
    for name, items in sorted(by_class.items()):
        blind = [item for item in items if item.age is None or item.age > grace.total_seconds()]
        known = len(blind) < len(items) or any(item.age is not None for item in blind)
        for item in blind:
            yield _hit(view, name, item, blind, len(items), known)


def _measures(view: View) -> bool:
    """Whether Prometheus knows of any measured claim."""
    return bool(view.answer(AGES))


def _mounted(view: View, grace: timedelta) -> Iterator[_Mounted]:
    """The bound claims with a file system that running pods on a node have mounted for longer than *grace*."""
    ages = {
        (item.labels.get("namespace", ""), item.labels.get("persistentvolumeclaim", "")): item.number
        for item in view.answer(AGES)
    }
    seen: set[Ref] = set()
    for pod in sorted(view.objects.pods, key=lambda one: (one.status.start_time or view.now, one.name)):
        old = pod.status.start_time is not None and view.now - pod.status.start_time >= grace
        if not pods.alive(pod) or pod.status.phase != "Running" or not old:
            continue
        for ref in pods.claims(view, pod):
            claim = view.find(ref)
            if ref in seen or not isinstance(claim, PersistentVolumeClaim) or claim.status.phase != "Bound":
                continue
            seen.add(ref)
            if claim.spec.volume_mode != "Block":
                yield _Mounted(claim, pod, ages.get((claim.namespace, claim.name)))


def _hit(view: View, name: str, item: _Mounted, blind: list[_Mounted], mounted: int, known: bool) -> Hit:
    ref = Ref("StorageClass", name) if name else Ref("Cluster", view.snapshot.cluster)
    several = evidence.counted(mounted, "mounted claim")
    if not _measures(view):
        known, words = True, f"Prometheus has no volume metrics of any kubelet: none of {several} is measured"
    elif not known:
        words = f"no kubelet measures any of its {several}: driver {_driver(view, item.claim)} may not tell"
    else:
        words = f"{len(blind)} of {several} not measured by a kubelet: nobody sees them fill up"
    down = _down(view).get(item.pod.spec.node_name, ())
    return Hit(
        ref=ref,
        summary=words,
        evidence=tuple(_evidence(item, bool(down))),
        value=Value(float(len(blind)), "claims"),
        severity="warning" if known else "info",
        depends_on=(*pods.on_node(item.pod), *down),
        details={"claim": item.claim.name, "node": item.pod.spec.node_name, "pod": item.pod.name},
        example=item.name,
    )


def _driver(view: View, claim: PersistentVolumeClaim) -> str:
    volume = view.find(Ref("PersistentVolume", claim.spec.volume_name))
    if isinstance(volume, PersistentVolume) and volume.spec.csi:
        return volume.spec.csi.driver
    found = view.find(Ref("StorageClass", claim.spec.storage_class_name or ""))
    return found.provisioner if isinstance(found, StorageClass) else "of its volume"


def _down(view: View) -> dict[str, tuple[Ref, ...]]:
    """The scrape jobs of kubelets that do not answer, by node."""
    found: dict[str, tuple[Ref, ...]] = {}
    for item in view.answer(DOWN):
        job, namespace = item.labels.get("job", ""), item.labels.get("namespace")
        found[item.labels.get("node", "")] = (Ref("ScrapeJob", job, namespace),)
    return found


def _evidence(item: _Mounted, down: bool) -> Iterator[Evidence]:
    when = f"last measured {human_duration(timedelta(seconds=item.age))} ago" if item.age else "not measured for a day"
    silent = ", whose kubelet does not answer Prometheus" if down else ""
    text = f"{item.name}: {when}; mounted by pod {item.pod.name} on node {item.pod.spec.node_name}{silent}"
    yield evidence.fact(text, item.pod.status.start_time)
