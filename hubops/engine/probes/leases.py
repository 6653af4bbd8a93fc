"""lease-not-renewed: controllers that lead, and have stopped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.control import Lease
from hubops.model.kube.core import Pod
from hubops.model.quantity import human_duration

#: What stands still without the controllers of the control plane, whose leases are in kube-system.
_CONTROL_PLANE = {
    "kube-controller-manager": "nothing that dies is replaced, no rollout goes on, no node is noticed as lost",
    "kube-scheduler": "no new pod gets a node",
    "cloud-controller-manager": "no load balancer is made, and no new node is initialized",
}
#: A cluster that was moved away from its cloud provider's controllers keeps their lease.
_OPTIONAL = "cloud-controller-manager"
#: Kubelets renew theirs here: node-not-ready is about them. The API servers' own are collected when they end.
_NODES = "kube-node-lease"
_IDENTITY = "apiserver-"


@probe(needs=("leases",), uses=("pods",))
def lease_not_renewed(view: View, *, grace: timedelta, abandoned: timedelta) -> Iterator[Hit]:
    """Held leases whose holder has not renewed them for their duration and *grace* on top.

    Those of the control plane are the check's own severity. Of anything else only the ones whose holder still runs
    are reported, as info: programs use leases as locks too, and what an uninstalled operator left behind says
    nothing. The lease of an optional controller that is *abandoned* for so long is info as well.
    """
    for lease in view.objects.leases:
        silent = _silent(view, lease)
        if silent is None or silent <= grace or lease.namespace == _NODES:
            continue
        plane = lease.namespace == "kube-system" and lease.name in _CONTROL_PLANE
        holder = _holder(view, lease)
        if plane:
            left = lease.name == _OPTIONAL and silent > abandoned and holder is None
            yield _hit(lease, silent, holder, _CONTROL_PLANE[lease.name], info=left)
        elif holder is not None and pods.ready(holder) and not lease.name.startswith(_IDENTITY):
            yield _hit(lease, silent, holder, "its holder runs, and does not do its work", info=True)


def _silent(view: View, lease: Lease) -> timedelta | None:
    """For how long beyond its duration the lease was not renewed; None where nobody holds it, as after a release."""
    spec = lease.spec
    if not spec.holder_identity or spec.renew_time is None:
        return None
    return view.now - spec.renew_time - timedelta(seconds=spec.lease_duration_seconds or 0)


def _holder(view: View, lease: Lease) -> Pod | None:
    """The pod that holds it: client-go writes the host's name, which is the pod's, an underscore and a random id.

    A static pod runs on its host's network: then the name is the node's.
    """
    name = (lease.spec.holder_identity or "").partition("_")[0]
    here = view.pods_by_namespace.get(lease.namespace, ())
    named = {name, f"{lease.name}-{name}"}
    return next((pod for pod in here if pod.name in named and pods.alive(pod)), None)


def _hit(lease: Lease, silent: timedelta, holder: Pod | None, without: str, *, info: bool) -> Hit:
    found = {"pod": holder.name, "node": holder.spec.node_name} if holder else {}
    return Hit(
        ref=Ref("Lease", lease.name, lease.namespace),
        summary=evidence.bounded(f"was not renewed for {human_duration(silent)}: {without}", 300),
        evidence=tuple(_evidence(lease, holder)),
        value=Value(silent.total_seconds(), "seconds"),
        since=lease.spec.renew_time,
        severity="info" if info else None,
        depends_on=(pods.reference(holder), *pods.on_node(holder)) if holder else (),
        details={key: value for key, value in found.items() if value},
    )


def _evidence(lease: Lease, holder: Pod | None) -> Iterator[Evidence]:
    spec = lease.spec
    duration = f", duration {spec.lease_duration_seconds}s" if spec.lease_duration_seconds else ""
    yield evidence.fact(f"held by {spec.holder_identity}{duration}, last renewed", spec.renew_time)
    if holder is None:
        yield evidence.fact(f"no pod of that name runs in {lease.namespace}")
    else:
        state = "ready" if pods.ready(holder) else "not ready"
        yield evidence.fact(f"pod {holder.name} on {holder.spec.node_name or 'no node'} is {state}")
