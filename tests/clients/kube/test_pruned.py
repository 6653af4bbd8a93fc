from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.clients.kube.pruned import Pruner
from hubops.errors import Permanent, Retryable

ITEM: dict[str, Any] = {
    "apiVersion": "example.com/v2",
    "kind": "Widget",
    "metadata": {
        "name": "a",
        "namespace": "shop",
        "uid": "1",
        "labels": {"team": "a"},
        "annotations": {
            "hubops.io/ignore": "x",
            "kubectl.kubernetes.io/last-applied-configuration": '{"password": "hunter2"}',
        },
        "ownerReferences": [{"kind": "Parent", "name": "p"}],
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{"manager": "kubectl"}],
        "resourceVersion": "7",
        "selfLink": "/x",
    },
    "spec": {"class": "gold", "secret": "hunter2", "parts": [{"image": "i", "env": ["hunter2"]}, {}, None, "odd"]},
    "status": {"notAfter": "2026-02-01T00:00:00Z", "phase": None},
}


def pruned(item: dict[str, Any], *paths: str) -> dict[str, Any]:
    body = json.dumps({"kind": "WidgetList", "apiVersion": "example.com/v2", "metadata": {}, "items": [item]})
    (found,) = Pruner(paths).page(body.encode(), "widgets").items
    return found


def test_only_what_was_asked_for_is_kept() -> None:
    kept = pruned(ITEM, "status.notAfter", "spec.class", "spec.parts.image")
    assert kept["spec"] == {"class": "gold", "parts": [{"image": "i"}, {}, None, "odd"]}
    assert kept["status"] == {"notAfter": "2026-02-01T00:00:00Z"}
    assert "hunter2" not in json.dumps(kept)


def test_metadata_is_always_there_but_not_all_of_it() -> None:
    kept = pruned(ITEM)
    metadata = {
        key: ITEM["metadata"][key]
        for key in ("name", "namespace", "uid", "labels", "ownerReferences", "creationTimestamp")
    }
    assert kept == {
        "apiVersion": "example.com/v2",
        "kind": "Widget",
        "metadata": {**metadata, "annotations": {"hubops.io/ignore": "x"}},
    }


@pytest.mark.parametrize("path", ["metadata", "metadata.managedFields", "metadata.annotations"])
def test_no_path_brings_what_is_never_kept(path: str) -> None:
    kept = json.dumps(pruned(ITEM, path))
    assert "managedFields" not in kept
    assert "hunter2" not in kept


def test_a_field_with_all_that_is_in_it() -> None:
    assert pruned(ITEM, "spec", "spec.class")["spec"] == ITEM["spec"]
    assert pruned(ITEM, "spec.parts", "spec.parts.image")["spec"] == {"parts": ITEM["spec"]["parts"]}


def test_a_field_that_is_null_or_of_another_type_stays_so() -> None:
    assert pruned(ITEM, "status.phase")["status"] == {"phase": None}
    assert pruned({**ITEM, "spec": "odd"}, "spec.class")["spec"] == "odd"
    assert pruned({**ITEM, "spec": None}, "spec.class")["spec"] is None
    assert "spec" not in pruned({"metadata": {"name": "a"}}, "spec.class")


def test_values_of_environment_variables_are_kept_only_where_they_are_asked_for() -> None:
    env = [{"name": "PASSWORD", "value": "hunter2"}]
    item = {"metadata": {"name": "a"}, "spec": {"template": {"spec": {"containers": [{"name": "c", "env": env}]}}}}
    (kept,) = pruned(item, "spec.template.spec.containers")["spec"]["template"]["spec"]["containers"]
    assert kept == {"name": "c", "env": [{"name": "PASSWORD"}]}
    assert "hunter2" not in json.dumps(pruned(item, "spec"))
    (asked,) = pruned(item, "spec.template.spec.containers.env.value")["spec"]["template"]["spec"]["containers"]
    assert asked == {"env": [{"value": "hunter2"}]}


def test_built_in_kinds_get_the_kind_that_their_lists_leave_out() -> None:
    body = b'{"kind": "DeploymentList", "apiVersion": "apps/v1", "items": [{"metadata": {"name": "a"}}]}'
    (found,) = Pruner([]).page(body, "deployments").items
    assert (found["apiVersion"], found["kind"]) == ("apps/v1", "Deployment")


def test_an_empty_list() -> None:
    body = b'{"kind": "WidgetList", "apiVersion": "example.com/v2", "metadata": {"continue": "t"}, "items": null}'
    page = Pruner(["spec.class"]).page(body, "widgets")
    assert (page.token, list(page.items)) == ("t", [])


def test_what_is_no_list_is_an_error() -> None:
    with pytest.raises(Retryable):
        Pruner([]).page(b'{"kind": "Status", "message": "no"}', "widgets")
    with pytest.raises(Retryable):
        Pruner([]).page(b'{"kind": "WidgetList", "items": [{"meta', "widgets")
    with pytest.raises(Permanent):
        Pruner([]).page(b'{"kind": "WidgetList", "items": "many"}', "widgets")


NAMES = st.sampled_from(["a", "b", "c", "metadata", "class"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner.filter(lambda value: not isinstance(value, list)), max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=12,
)
PATHS = st.lists(
    st.lists(NAMES.filter(lambda name: name != "metadata"), min_size=1, max_size=3).map(".".join), max_size=4
)


def reference(value: Any, paths: list[list[str]]) -> Any:
    """Pruning as the documentation of Needs says it, written down plainly."""
    if [] in paths:
        return value
    if isinstance(value, list):
        return [reference(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: reference(inner, [path[1:] for path in paths if path[0] == key])
        for key, inner in value.items()
        if any(path[0] == key for path in paths)
    }


@given(st.dictionaries(NAMES.filter(lambda name: name != "metadata"), VALUES, max_size=4), PATHS)
def test_pruning_is_what_it_says(item: dict[str, Any], paths: list[str]) -> None:
    expected = reference(item, [path.split(".") for path in paths])
    found = pruned(item, *paths)
    assert {key: value for key, value in found.items() if key not in {"apiVersion", "kind"}} == expected


def test_what_is_pruned_can_be_saved() -> None:
    assert msgspec.json.decode(msgspec.json.encode(pruned(ITEM, "spec"))) == pruned(ITEM, "spec")
