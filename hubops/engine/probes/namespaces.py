"""namespace-stuck-terminating: namespaces that were deleted and do not go away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import apiservices, evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Namespace
from hubops.model.kube.meta import Condition

#: What the namespace controller says holds it, nearest to the cause first: while it cannot tell what there is, it
#: deletes nothing; then what it cannot delete, whose finalizers are left, and what is left at all.
_HELD = (
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceFinalizersRemaining",
    "NamespaceContentRemaining",
)
#: An API in the words of client-go: "metrics.k8s.io/v1beta1: stale GroupVersion discovery".
_GROUP_VERSION = re.compile(r"\b([a-z0-9][a-z0-9.-]*\.[a-z0-9.-]+/v[0-9][a-z0-9]*)(?=[:,]|\s|$)")


@probe(needs=("namespaces",), uses=("pods",))
def namespace_stuck_terminating(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Namespaces that are being deleted for longer than *grace*, with what their conditions say holds them."""
    for namespace in view.objects.namespaces:
        since = namespace.metadata.deletion_timestamp
        if since is not None and pods.longer_than(view, since, grace):
            yield _hit(view, namespace)


def _hit(view: View, namespace: Namespace) -> Hit:
    held = list(_holding(namespace))
    said = "; ".join(item.message for item in held) if held else _finalizers(namespace)
    return Hit(
        ref=Ref("Namespace", namespace.name),
        summary=evidence.bounded(f"was deleted and does not go away: {said}", 300),
        evidence=tuple(_evidence(namespace, held)),
        since=namespace.metadata.deletion_timestamp,
        depends_on=tuple(dict.fromkeys(_causes(view, namespace, held))),
        details={"namespace": namespace.name},
    )


def _causes(view: View, namespace: Namespace, held: list[Condition]) -> Iterator[Ref]:
    """APIs that do not answer, and pods that do not end."""
    for item in held:
        yield from (Ref("APIService", apiservices.name_of(name)) for name in _GROUP_VERSION.findall(item.message))
    yield from (view.owner(pod) for pod in view.pods_by_namespace.get(namespace.name, ()))


def _holding(namespace: Namespace) -> Iterator[Condition]:
    """The conditions that hold it; what is left is only said where no finalizers are."""
    true = {item.type: item for item in namespace.status.conditions if item.status == "True" and item.message}
    for kind in _HELD:
        if kind in true and not (kind == "NamespaceContentRemaining" and "NamespaceFinalizersRemaining" in true):
            yield true[kind]


def _finalizers(namespace: Namespace) -> str:
    own = namespace.metadata.finalizers
    if own:
        return f"its own finalizers are left: {', '.join(own)}"
    if "kubernetes" in namespace.spec.finalizers:
        return "kube-controller-manager has not begun, or does not say what holds it"
    return f"its finalizers are left: {', '.join(namespace.spec.finalizers) or 'none'}"


def _evidence(namespace: Namespace, held: list[Condition]) -> Iterator[Evidence]:
    yield from (evidence.from_condition(item) for item in held)
    left = [item for item in namespace.status.conditions if item.type == _HELD[-1] and item.status == "True"]
    yield from (evidence.from_condition(item) for item in left if item not in held)
    finalizers = (*namespace.metadata.finalizers, *(f"spec: {name}" for name in namespace.spec.finalizers))
    yield evidence.fact(f"finalizers: {', '.join(finalizers) or 'none'}", namespace.metadata.deletion_timestamp)
