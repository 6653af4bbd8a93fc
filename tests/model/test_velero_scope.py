"""What a Backup's spec takes, by Velero's own rules."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hubops.model.velero import EXCLUDED_LABEL, BackupSpec
from hubops.model.velero_scope import Scope, Sort, key

PODS = Sort("", "Pod", "pods", True, frozenset({"pod", "po"}))
DEPLOYMENTS = Sort("apps", "Deployment", "deployments", True, frozenset({"deployment", "deploy"}))
WIDGETS = Sort("example.com", "Widget", "widgets", True, frozenset({"widget"}))
NAMESPACES = Sort("", "Namespace", "namespaces", False, frozenset({"namespace", "ns"}))
ROLES = Sort("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", False)
SNAPSHOTS = Sort("snapshot.storage.k8s.io", "VolumeSnapshot", "volumesnapshots", True)
SORTS = (PODS, DEPLOYMENTS, WIDGETS, NAMESPACES, ROLES, SNAPSHOTS)
THERE: dict[str, dict[str, str]] = {"shop": {}, "shop-dev": {}, "data": {}, "scratch": {EXCLUDED_LABEL: "true"}}


def scope(there: dict[str, dict[str, str]] | None = None, **spec: Any) -> Scope:
    return Scope(msgspec.convert(spec, BackupSpec), THERE if there is None else there, SORTS)


@pytest.mark.parametrize(
    ("spec", "taken"),
    [
        ({}, {"shop", "shop-dev", "data"}),
        ({"includedNamespaces": ["*"]}, {"shop", "shop-dev", "data"}),
        ({"includedNamespaces": ["shop"]}, {"shop"}),
        ({"includedNamespaces": ["shop*"]}, {"shop", "shop-dev"}),
        ({"includedNamespaces": ["shop*"], "excludedNamespaces": ["*-dev"]}, {"shop"}),
        ({"includedNamespaces": ["*"], "excludedNamespaces": ["d?ta"]}, {"shop", "shop-dev"}),
        ({"includedNamespaces": ["scratch", "data"]}, {"data"}),
    ],
)
def test_namespaces(spec: dict[str, Any], taken: set[str]) -> None:
    found = scope(**spec)
    assert {name for name in THERE if found.takes_namespace(name)} == taken
    assert {name for name in THERE if found.takes(PODS, name, "web", {})} == taken
    assert {name for name in THERE if found.takes(NAMESPACES, "", name, THERE[name])} == taken


@pytest.mark.parametrize(
    ("spec", "taken"),
    [
        ({}, {PODS, DEPLOYMENTS, WIDGETS, NAMESPACES}),
        ({"includeClusterResources": True}, {PODS, DEPLOYMENTS, WIDGETS, NAMESPACES, ROLES}),
        ({"includeClusterResources": False}, {PODS, DEPLOYMENTS, WIDGETS}),
        ({"includedResources": ["po", "deployments.apps"]}, {PODS, DEPLOYMENTS}),
        ({"includedResources": ["*"], "excludedResources": ["deploy"]}, {PODS, WIDGETS, NAMESPACES}),
        ({"excludedResources": ["widgets.example.com", "clusterroles"]}, {PODS, DEPLOYMENTS, NAMESPACES}),
        ({"includedNamespaceScopedResources": ["widget"]}, {WIDGETS, NAMESPACES}),
        ({"excludedNamespaceScopedResources": ["*"]}, {NAMESPACES}),
        ({"includedClusterScopedResources": ["clusterroles"]}, {PODS, DEPLOYMENTS, WIDGETS, NAMESPACES, ROLES}),
        ({"includedClusterScopedResources": ["*"]}, {PODS, DEPLOYMENTS, WIDGETS, NAMESPACES, ROLES}),
        ({"excludedClusterScopedResources": ["*"]}, {PODS, DEPLOYMENTS, WIDGETS}),
    ],
)
def test_kinds(spec: dict[str, Any], taken: set[Sort]) -> None:
    found = scope(**spec)
    assert {each for each in SORTS if found.takes_sort(each)} == taken


def test_a_namespace_with_the_label_is_an_excluded_one_and_turns_cluster_scoped_kinds_off() -> None:
    spec: dict[str, Any] = {"includedNamespaces": ["*"], "excludedResources": ["widgets"]}
    assert scope({"shop": {}}, **spec).takes_sort(ROLES)
    assert not scope(**spec).takes_sort(ROLES)
    assert not scope({"shop": {}}, **spec, excludedNamespaces=["data"]).takes_sort(ROLES)


def test_labels() -> None:
    web, either = {"matchLabels": {"tier": "web"}}, {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}
    assert not scope().takes(PODS, "shop", "web", {EXCLUDED_LABEL: "true"})
    assert scope().takes(PODS, "shop", "web", {EXCLUDED_LABEL: "false"})
    assert [scope(labelSelector=web).takes(PODS, "shop", "a", {"tier": tier}) for tier in ("web", "db")] == [
        True,
        False,
    ]
    both = scope(orLabelSelectors=[web, either])
    assert [both.takes(PODS, "shop", "a", labels) for labels in ({"tier": "db"}, {})] == [True, False]
    assert not scope(labelSelector=web).takes(NAMESPACES, "", "shop", {})


def test_namespaces_that_are_named_and_not_there() -> None:
    assert scope(includedNamespaces=["shop", "absent", "da*", "no-*"]).missing_namespaces() == ["absent", "no-*"]
    assert scope(includedNamespaces=["*"]).missing_namespaces() == []


def test_an_object_is_one_whichever_group_served_it() -> None:
    assert key("events.k8s.io", "Event", "shop", "e") == key("", "Event", "shop", "e")
    assert key("extensions", "Deployment", "shop", "d") == DEPLOYMENTS.key("shop", "d")
    assert str(key("example.com", "Widget", "shop", "w")) == "Widget.example.com shop/w"
    assert str(ROLES.key("", "view")) == "ClusterRole view"
