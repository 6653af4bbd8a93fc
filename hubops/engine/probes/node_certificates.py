"""kubelet-csr-pending: kubelets that ask for a certificate and get no answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref
from hubops.model.quantity import human_duration

#: The signers of kubelets' certificates, and what goes without them (Kubernetes: Certificate Signing Requests).
_SIGNERS = {
    "kubernetes.io/kube-apiserver-client-kubelet": "nodes cannot join, or lose their access when theirs ends",
    "kubernetes.io/kubelet-serving": "logs, exec and metrics fail when theirs ends",
}


@probe(needs=("certificatesigningrequests",))
def kubelet_csr_pending(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Requests of kubelets that nobody approved or denied for longer than *grace*: one finding of each signer."""
    for item in view.objects.certificatesigningrequests:
        asked = item.metadata.creation_timestamp
        effect = _SIGNERS.get(item.spec.signer_name)
        if effect is None or item.status.conditions or not pods.longer_than(view, asked, grace):
            continue
        who = item.spec.username
        waits = f" for {human_duration(view.now - asked)}" if asked else ""
        yield Hit(
            ref=Ref("Signer", item.spec.signer_name),
            summary=f"kubelets' requests for certificates wait to be approved: {effect}",
            evidence=(evidence.fact(f"{item.name} by {who or 'an unknown user'} is pending{waits}", asked),),
            since=asked,
            details={"node": who.removeprefix("system:node:")} if who.startswith("system:node:") else {},
            example=item.name,
        )
