"""finalizer-stuck: objects that were deleted and that a finalizer holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.kinds import BY_PLURAL
from hubops.model.kube.meta import Object
from hubops.model.kube.storage import PersistentVolume, PersistentVolumeClaim

#: Pods, namespaces and volume attachments have checks of their own; the other kinds hardly ever carry finalizers.
_KINDS = (
    "persistentvolumeclaims",
    "persistentvolumes",
    "services",
    "ingresses",
    "deployments",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
)
#: Who removes a finalizer, and when; by its name, or by how its name begins.
_REMOVED_BY = {
    "kubernetes.io/pvc-protection": "kube-controller-manager, when no pod uses the claim any more",
    "kubernetes.io/pv-protection": "kube-controller-manager, when no claim is bound to the volume any more",
    "external-provisioner.volume.kubernetes.io/finalizer": "the CSI driver's provisioner, when it has deleted the disk",
    "kubernetes.io/pv-controller": "kube-controller-manager, when it has deleted the disk",
    "external-attacher/": "the CSI driver's attacher, when it has detached the volume from the node",
    "snapshot.storage.kubernetes.io/": "the snapshot controller, when no snapshot is being taken any more",
    "service.kubernetes.io/load-balancer-cleanup": "the cloud controller manager, when it has deleted the balancer",
    "service.k8s.aws/": "the AWS Load Balancer Controller, when it has deleted the load balancer",
    "elbv2.k8s.aws/": "the AWS Load Balancer Controller, when it has deleted the load balancer",
    "ingress.k8s.aws/": "the AWS Load Balancer Controller, when it has deleted the load balancer",
    "networking.gke.io/": "GKE's ingress controller, when it has deleted the load balancer",
    "batch.kubernetes.io/job-tracking": "kube-controller-manager, when it has counted the pods of the Job",
    "foregroundDeletion": "the garbage collector, when all that the object owns is gone",
    "orphan": "the garbage collector, when what the object owned has no owner any more",
    "argocd.argoproj.io/": "Argo CD's application controller",
}


@probe(needs=_KINDS, uses=("pods", "namespaces"))
def finalizer_stuck(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Objects of the kinds above that were deleted longer than *grace* ago and still have finalizers.

    A grace period counts from its end: that is what the API writes as the time of deletion.
    """
    for plural in _KINDS:
        for item in getattr(view.objects, plural):
            since = item.metadata.deletion_timestamp
            if since is not None and item.metadata.finalizers and pods.longer_than(view, since, grace):
                yield _hit(view, BY_PLURAL[plural].name, item)


def _hit(view: View, kind: str, item: Object) -> Hit:
    names = item.metadata.finalizers
    reason = _reason(view, item)
    said = f"{', '.join(names)}" + (f" ({reason})" if reason else "")
    held = "finalizer" if len(names) == 1 else "finalizers"
    return Hit(
        ref=Ref(kind, item.name, item.namespace or None),
        summary=evidence.bounded(f"was deleted, and {held} {said} {'holds' if len(names) == 1 else 'hold'} it", 300),
        evidence=tuple(_evidence(item)),
        since=item.metadata.deletion_timestamp,
        depends_on=(*_users(view, item), *([Ref("Namespace", item.namespace)] if item.namespace else [])),
        # kubectl takes a namespace for what has none, too.
        details={"resource": kind.lower(), "namespace": item.namespace or "default"},
    )


def _reason(view: View, item: Object) -> str:
    """What the finalizer waits for, where the snapshot tells."""
    if isinstance(item, PersistentVolumeClaim):
        using = [ref.name for ref in _users(view, item)]
        return f"pod {using[0]}{_more(using)} uses it, and with the pod it goes" if using else ""
    if isinstance(item, PersistentVolume) and item.status.phase == "Bound" and (claim := item.spec.claim_ref):
        return f"claim {claim.namespace}/{claim.name} is bound to it"
    return ""


def _users(view: View, item: Object) -> tuple[Ref, ...]:
    """The pods that mount *item*, where it is a claim."""
    if not isinstance(item, PersistentVolumeClaim):
        return ()
    claim = Ref("PersistentVolumeClaim", item.name, item.namespace)
    here = view.pods_by_namespace.get(item.namespace, ())
    return tuple(pods.reference(pod) for pod in here if claim in pods.claims(view, pod))


def _more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _evidence(item: Object) -> Iterator[Evidence]:
    yield evidence.fact("deleted", item.metadata.deletion_timestamp)
    for name in item.metadata.finalizers:
        yield evidence.fact(f"finalizer {name} is removed by {removed_by(name)}")


def removed_by(finalizer: str) -> str:
    """Who removes *finalizer*, and when."""
    for known, who in _REMOVED_BY.items():
        if finalizer == known or (known.endswith("/") and finalizer.startswith(known)):
            return who
    owner = finalizer.partition("/")[0]
    return f"the controller that put it there ({owner}), if it is still installed"
