"""Secrets that an installation makes once, with random values that nobody is shown."""

from __future__ import annotations

import secrets
import string
from typing import Any

from hubops.clients.kube.errors import AlreadyExists
from hubops.clients.kube.writer import KubeWriter
from hubops.stack.render import Rendered
from hubops.stack.structure import GeneratedSecret

_ALPHABET = string.ascii_letters + string.digits


def make(cluster: KubeWriter, rendered: Rendered) -> None:
    """Make the Secrets of a component that are not there; what is, by an earlier run or by the operator, stays."""
    for each in rendered.component.generates:
        try:
            cluster.create(_secret(each, rendered.component.namespace or ""))
        except AlreadyExists:
            continue


def _secret(secret: GeneratedSecret, namespace: str) -> dict[str, Any]:
    values = {key: "".join(secrets.choice(_ALPHABET) for _ in range(length)) for key, length in secret.random.items()}
    labels = {"app.kubernetes.io/managed-by": "hubops"}
    metadata = {"name": secret.name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {**secret.fixed, **values}}
