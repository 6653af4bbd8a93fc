"""Whose an object of the cluster is, as far as it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubops.model.text import inert
from hubops.stack.render import Rendered

_RELEASE, _NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
_MANAGER = "app.kubernetes.io/managed-by"
#: How the add-ons of clouds and distributions are marked.
_ADD_ONS = {
    "addonmanager.kubernetes.io/mode": "an add-on of the cluster",
    "kubernetes.azure.com/managedby": "an add-on of AKS",
    "objectset.rio.cattle.io/hash": "an add-on of k3s or RKE2",
}
_MANAGERS = {"eks": "an add-on of EKS"}


def release_of(item: Mapping[str, Any]) -> str:
    """The Helm release that *item* is part of, as namespace/name; empty where it is part of none."""
    annotations = item["metadata"].get("annotations") or {}
    return f"{annotations[_NAMESPACE]}/{annotations[_RELEASE]}" if annotations.keys() >= {_NAMESPACE, _RELEASE} else ""


def is_of(item: Mapping[str, Any], rendered: Rendered) -> bool:
    """Whether *item* is part of the release of the component."""
    chart = rendered.component.chart
    return chart is not None and release_of(item) == f"{rendered.component.namespace}/{chart.release_name}"


def owner(item: Mapping[str, Any]) -> str:
    """Whose *item* is, in words that go after its name and a comma."""
    metadata = item["metadata"]
    if release := release_of(item):
        return f"of the Helm release {inert(release, limit=120)}"
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    for mark, words in _ADD_ONS.items():
        if mark in marks:
            return words
    managers = [each.get("manager", "") for each in metadata.get("managedFields") or []]
    for manager in managers:
        if manager in _MANAGERS:
            return _MANAGERS[manager]
    said = marks.get(_MANAGER) or next(iter(managers), "")
    return f"made by {inert(said, limit=60)}" if said else "made by somebody else"
