"""A ConfigMap that several write at the same time, one key for each record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from hubops.clients.kube import lease
from hubops.clients.kube.errors import AlreadyExists, Conflict
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent, Retryable
from hubops.journal.entries import LABEL, NAMESPACE

#: Each attempt fails only because another writer succeeded.
_ATTEMPTS = 30


def named(name: str, of: str) -> dict[str, Any]:
    """The ConfigMap *name* of the journal, without its data; its label says what it is a journal *of*."""
    labels = {LABEL: of, "app.kubernetes.io/managed-by": "hubops"}
    metadata = {"namespace": NAMESPACE, "name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def merge(
    cluster: KubeWriter, item: dict[str, Any], records: dict[str, str],
    bounded: Callable[[dict[str, str]], dict[str, str]],
) -> None:  # fmt: skip
    """Add *records* to what others have written, while others write; *bounded* drops what is too much.

    Raises Retryable where others wrote all the time, and as KubeWriter does.
    """
    for _ in range(_ATTEMPTS):
        live = cluster.read(item)
        data = (live or {}).get("data") or {}
        merged = bounded({**data, **_named(records, data)})
        if merged == data:
            return
        try:
            if live is None:
                _create(cluster, {**item, "data": merged})
            else:
                labels = {**(live["metadata"].get("labels") or {}), LABEL: item["metadata"]["labels"][LABEL]}
                cluster.replace({**live, "metadata": {**live["metadata"], "labels": labels}, "data": merged})
        except (AlreadyExists, Conflict):
            continue
        return
    name = item["metadata"]["name"]
    raise Retryable(f"ConfigMap {NAMESPACE}/{name}: others wrote it {_ATTEMPTS} times in the meantime")


def _named(records: dict[str, str], data: dict[str, str]) -> dict[str, str]:
    """*records* by the keys that are free for them in *data*: two machines may begin a run in the same second."""
    return {
        name if data.get(name, text) == text else f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}": text
        for name, text in records.items()
    }


def _create(cluster: KubeWriter, item: dict[str, Any]) -> None:
    try:
        cluster.create(item)
    except Permanent as error:
        if error.status != 404:
            raise
        lease.make_room(cluster)
        cluster.create(item)
