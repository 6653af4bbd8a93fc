"""What is a difference between a backup and its restore, and what is none. Real ones: test_compare_real.py."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubops.drill.velero.compare import compare
from hubops.drill.velero.intended import Intended
from hubops.drill.velero.modifiers import Settings, modifiers
from hubops.drill.velero.objects import Key
from tests.drill.velero.things import MAPPING, SCRATCH, SHOP, application, restored, thing

Objects = dict[Key, dict[str, Any]]
NOTHING = Intended()
CONTAINERS = ("spec", "template", "spec", "containers")
CART = Key("deployments.apps", SHOP, "cart")


def found(original: Objects, live: Objects, intended: Intended = NOTHING) -> list[str]:
    return [f"{each.what}: {each.how}" for each in compare(original, live, MAPPING, intended).differences]


def test_a_restore_without_loss_has_no_difference_and_all_is_counted() -> None:
    result = compare(application(), restored(application()), MAPPING, NOTHING)
    assert result.differences == []
    assert result.compared["Deployment"] == 1
    assert result.compared["Service"] == 2
    assert sum(result.compared.values()) == 14
    assert result.not_compared == {
        "made anew by controllers": 4,
        "Pods and Jobs that had ended, which Velero does not restore": 1,
    }


def test_three_differences_are_three() -> None:
    live = restored(application())
    live[CART]["spec"]["template"]["spec"]["containers"][0]["image"] = "shop/cart:1.3"
    del live[Key("configmaps", SHOP, "cart")]["data"]["app.conf"]
    del live[Key("services", SHOP, "peers")]
    assert sorted(found(application(), live)) == [
        "ConfigMap shop/cart: data[app.conf] is missing",
        "Deployment shop/cart: spec.template.spec.containers[app].image is 'shop/cart:1.3', was 'shop/cart:1.2'",
        "Service shop/peers: is missing",
    ]


GONE = object()


def at(item: Any, path: Iterable[str | int]) -> Any:
    for step in path:
        item = item[step]
    return item


def changed(name: str, place: str, value: Any) -> list[str]:
    """What is found where *value* stands at *place* ("spec/ports/0/port") of the restored object."""
    resource, _, name = name.partition("/")
    live = restored(application())
    place = place.replace("POD", "spec/template/spec")
    *path, last = (int(step) if step.isdigit() else step.replace("~1", "/") for step in place.split("/"))
    holder = at(live[Key(resource, SHOP, name)], path)
    if value is GONE:
        del holder[last]
    else:
        holder[last] = value
    return found(application(), live)


BINDING = "rolebindings.rbac.authorization.k8s.io/cart"
WIDGET = "widgets.example.com/w"
CLAIM = "persistentvolumeclaims/data-db-0"


@pytest.mark.parametrize(
    ("name", "place", "value", "said"),
    [
        ("deployments.apps/cart", "spec/replicas", 2, "spec.replicas is 2, was 3"),
        ("deployments.apps/cart", "metadata/annotations/note", GONE, "metadata.annotations.note is missing"),
        (
            "deployments.apps/cart",
            "POD/containers/1",
            GONE,
            "spec.template.spec.containers[side] is missing",
        ),
        (
            "deployments.apps/cart",
            "POD/containers/1/name",
            "new",
            "containers[side].name is 'new', was 'side'",
        ),
        ("deployments.apps/cart", "POD/containers/0/env/0/value", "x", "env[DB].value differs"),
        ("deployments.apps/cart", "POD/containers/0/args/1", GONE, "containers[app].args differs"),
        (
            "deployments.apps/cart",
            "POD/containers/0/args/1",
            "--port=1",
            "containers[app].args[1] differs",
        ),
        (
            "deployments.apps/cart",
            "POD/containers/0/stdin",
            True,
            "stdin is there, and the backup has none",
        ),
        ("deployments.apps/cart", "metadata/deletionTimestamp", "now", "metadata.deletionTimestamp is there"),
        ("configmaps/cart", "data/mode", "slow", "ConfigMap shop/cart: data.mode differs"),
        ("secrets/db", "data/password", "digest-9", "Secret shop/db: data.password differs"),
        ("secrets/db", "data/user", GONE, "Secret shop/db: data.user is missing"),
        ("services/peers", "spec/clusterIP", "10.0.0.9", "Service shop/peers: spec.clusterIP is missing"),
        ("services/cart", "spec/type", "ClusterIP", "spec.type is 'ClusterIP', was 'NodePort'"),
        ("services/cart", "spec/ports/0/port", 81, "spec.ports[http].port is 81, was 80"),
        (CLAIM, "spec/storageClassName", GONE, "spec.storageClassName is missing"),
        (CLAIM, "spec/resources/requests/storage", "512Mi", "requests.storage is '512Mi', was '1Gi'"),
        ("pods/bare", "spec/tolerations/1", GONE, "Pod shop/bare: spec.tolerations[gpu] is missing"),
        ("jobs.batch/import", "spec/template/metadata/labels/job-name", GONE, "labels.job-name is missing"),
        ("cronjobs.batch/night", "spec/suspend", True, "spec.suspend is true, was false"),
        (BINDING, "subjects/0/namespace", SHOP, f"subjects[cart].namespace is '{SHOP}', was '{SCRATCH}'"),
        (BINDING, "subjects/1/namespace", "else", "subjects[prometheus].namespace is 'else', was 'monitoring'"),
        (WIDGET, "spec/size", 4, "Widget shop/w: spec.size is 4, was 3"),
        (WIDGET, "spec/size", True, "Widget shop/w: spec.size is true, was 3"),
        (WIDGET, "spec/flag", 1, "Widget shop/w: spec.flag is 1, was true"),
        (WIDGET, "spec/parts/0/n", 2, "Widget shop/w: spec.parts[a].n is 2, was 1"),
        (WIDGET, "spec/replicas", 1, "Widget shop/w: spec.replicas is there, and the backup has none"),
        (WIDGET, "metadata/finalizers", GONE, "Widget shop/w: metadata.finalizers is missing"),
    ],
)
def test_each_change_is_one_difference_with_its_place(name: str, place: str, value: Any, said: str) -> None:
    [one] = changed(name, place, value)
    assert said in one


def test_the_order_of_containers_is_a_field() -> None:
    live = restored(application())
    live[CART]["spec"]["template"]["spec"]["containers"].reverse()
    assert found(application(), live) == ["Deployment shop/cart: spec.template.spec.containers has another order"]


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("deployments.apps/cart", "spec/progressDeadlineSeconds", 600),
        ("deployments.apps/cart", "POD/containers/1/imagePullPolicy", "IfNotPresent"),
        ("deployments.apps/cart", "spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt", "now"),
        (WIDGET, "spec/ratio", 1),
        (WIDGET, "spec/more", None),
        (CLAIM, "spec/resources/requests/storage", "2Gi"),
        ("serviceaccounts/cart", "secrets", [{"name": "cart-token-x1"}]),
        ("pods/bare", "spec/initContainers", [{"name": "restore-wait", "image": "velero"}]),
    ],
)
def test_what_servers_and_velero_set_is_no_difference(name: str, place: str, value: Any) -> None:
    assert changed(name, place, value) == []


def test_what_is_added_is_a_difference_unless_a_controller_makes_it() -> None:
    original, live = application(), restored(application())
    live[Key("configmaps", SHOP, "new")] = thing("v1", "ConfigMap", "new")
    live[Key("serviceaccounts", SHOP, "builder")] = thing("v1", "ServiceAccount", "builder")
    live[Key("persistentvolumeclaims", SHOP, "data-db-1")] = thing("v1", "PersistentVolumeClaim", "data-db-1")
    live[Key("pods", SHOP, "stray")] = thing("v1", "Pod", "stray")
    assert found(original, live) == [
        "ConfigMap shop/new: is there, and the backup does not hold it",
        "Pod shop/stray: is there, and the backup does not hold it",
    ]


def test_what_controllers_of_the_site_make_in_the_scratch_namespace_is_counted() -> None:
    original, live = application(), restored(application())
    owner = {"kind": "ConfigMap", "apiVersion": "v1", "name": "cart", "uid": "u"}
    report = thing("wgpolicyk8s.io/v1", "PolicyReport", "7d", metadata={"ownerReferences": [owner]})
    live[Key("policyreports.wgpolicyk8s.io", SHOP, "7d")] = report
    policy = Key("networkpolicies.networking.k8s.io", SHOP, "generated")
    live[policy] = thing("networking.k8s.io/v1", "NetworkPolicy", "generated")
    assert found(original, live) == ["NetworkPolicy shop/generated: is there, and the backup does not hold it"]
    closed = Intended(left_out=lambda resource: "traffic" if resource == policy.resource else None)
    result = compare(original, live, MAPPING, closed)
    assert result.differences == []
    assert result.not_compared["made in the scratch namespaces by controllers of the site"] == 2
    live[policy]["metadata"]["labels"] = {"velero.io/restore-name": "r"}
    assert found(original, live, closed) == [
        "NetworkPolicy shop/generated: is there, although the drill was to leave it out: traffic"
    ]


def test_what_a_controller_of_the_site_owns_is_compared() -> None:
    owner = {"kind": "Widget", "apiVersion": "example.com/v1", "name": "w", "uid": "u", "controller": True}
    original = application()
    original[Key("configmaps", SHOP, "made")] = thing("v1", "ConfigMap", "made", metadata={"ownerReferences": [owner]})
    live = restored(application())
    assert found(original, live) == ["ConfigMap shop/made: is missing"]


def test_endpoints_without_a_selector_are_compared() -> None:
    original = application()
    key = Key("endpoints", SHOP, "outside")
    original[key] = thing("v1", "Endpoints", "outside", subsets=[{"addresses": [{"ip": "192.0.2.1"}]}])
    live = restored(original)
    live[key]["subsets"][0]["addresses"][0]["ip"] = "192.0.2.2"
    [one] = found(original, live)
    assert one == "Endpoints shop/outside: subsets[0].addresses[192.0.2.1].ip is '192.0.2.2', was '192.0.2.1'"


def autoscaled() -> Objects:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "cart"}, "maxReplicas": 9}
    key = Key("horizontalpodautoscalers.autoscaling", SHOP, "cart")
    return application() | {key: thing("autoscaling/v2", "HorizontalPodAutoscaler", "cart", spec=spec)}


def test_replicas_that_an_autoscaler_sets_are_no_difference_unless_the_drill_has_set_them() -> None:
    live = restored(autoscaled())
    live[CART]["spec"]["replicas"] = 5
    assert found(autoscaled(), live) == []
    still = modifiers([(key, each) for key, each in autoscaled().items()], [SHOP], Settings(workloads=False))
    live = restored({key: dict(still.modified(key.resource, each)) for key, each in autoscaled().items()})
    assert found(autoscaled(), live, Intended(modified=still.modified)) == []
    live[CART]["spec"]["replicas"] = 5
    assert found(autoscaled(), live, Intended(modified=still.modified)) == [
        "Deployment shop/cart: spec.replicas is 5, was 0"
    ]


def test_what_the_drill_changes_is_expected_and_missed_where_it_is_not_so() -> None:
    original = application()
    rules = modifiers([(key, each) for key, each in original.items()], [SHOP], Settings())
    intended = Intended(modified=rules.modified)
    as_intended = restored({key: dict(rules.modified(key.resource, each)) for key, each in original.items()})
    assert found(original, as_intended, intended) == []
    assert "CronJob shop/night: spec.suspend is false, was true" in found(original, restored(original), intended)
    assert "Service shop/cart: spec.type is 'NodePort', was 'ClusterIP'" in found(
        original, restored(original), intended
    )


def test_what_the_drill_leaves_out_may_not_be_there_and_what_it_makes_has_to() -> None:
    original = application()
    closed = ("networkpolicies.networking.k8s.io", "closed")
    intended = Intended(
        left_out=lambda resource: "its controllers act" if resource == "widgets.example.com" else None,
        made=frozenset({closed}),
    )
    live = restored(original)
    assert found(original, live, intended) == [
        "Widget shop/w: is there, although the drill was to leave it out: its controllers act",
        "networkpolicies.networking.k8s.io shop/closed: is missing, which the drill itself has made",
    ]
    del live[Key("widgets.example.com", SHOP, "w")]
    live[Key(closed[0], SHOP, closed[1])] = thing("networking.k8s.io/v1", "NetworkPolicy", "closed")
    result = compare(original, live, MAPPING, intended)
    assert result.differences == []
    assert result.not_compared["widgets.example.com: its controllers act"] == 1


def test_values_that_could_be_secret_are_never_told_and_others_are_bounded_and_inert() -> None:
    hidden = secrets.token_hex(20)
    original, live = application(), restored(application())
    widget = Key("widgets.example.com", SHOP, "w")
    spots: list[tuple[Key, tuple[str | int, ...], str]] = [
        (CART, (*CONTAINERS, 0, "env", 0), "value"), (CART, (*CONTAINERS, 0, "args"), "0"),
        (CART, ("metadata", "annotations"), "note"), (Key("configmaps", SHOP, "cart"), ("data",), "mode"),
        (Key("secrets", SHOP, "db"), ("data",), "user"), (widget, ("spec",), "password"), (widget, ("spec",), "flag"),
    ]  # fmt: skip
    for key, path, name in spots:
        place = at(live[key], path)
        place[int(name) if isinstance(place, list) else name] = f"token={hidden}" if name == "flag" else hidden
    live[widget]["spec"]["size"] = "\x1b[31m" + "x" * 500 + "\u202e"
    said = found(original, live)
    assert len(said) == len(spots) + 1
    assert hidden not in "".join(said)
    assert all(len(each) < 300 and each.isprintable() for each in said)


def test_an_object_without_end_is_told_in_bounds() -> None:
    original, live = application(), restored(application())
    deep: Any = 1
    for _ in range(5000):
        deep = {"a": deep}
    key = Key("configmaps", SHOP, "cart")
    original[key]["data"] = {str(number): "a" for number in range(100_000)}
    live[key]["data"] = {}
    live[Key("widgets.example.com", SHOP, "w")]["spec"]["parts"] = deep
    original[Key("widgets.example.com", SHOP, "w")]["spec"]["parts"] = {"a": copy.copy(deep)}
    said = found(original, live)
    assert len(said) == 202
    assert said[200] == "ConfigMap shop/cart: differs in more fields than are counted"
    assert said[201] == "Widget shop/w: is nested too deeply to be compared"


# Properties.

_VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
_JSON = st.recursive(
    _VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
)


@given(spec=st.dictionaries(st.text("abc", min_size=1, max_size=2), _JSON, max_size=4), seed=st.integers(1, 50))
def test_an_object_is_like_itself_whatever_is_in_it(spec: dict[str, Any], seed: int) -> None:
    original = application() | {
        Key("widgets.example.com", SHOP, "any"): thing("example.com/v1", "Widget", "any", spec=spec)
    }
    assert found(original, restored(original, seed)) == []


@settings(max_examples=150)
@given(chosen=st.sampled_from(sorted(application())), field=st.sampled_from(["spec", "data", "status", "subjects"]),
       content=_JSON | st.dictionaries(st.sampled_from(["selector", "template", "ports", "volumes", "containers",
       "volumeClaimTemplates", "scaleTargetRef", "tolerations", "replicas"]), _JSON))  # fmt: skip
def test_whatever_a_tarball_holds_is_compared(chosen: Key, field: str, content: Any) -> None:
    original, live = application(), restored(application())
    original[chosen][field] = content
    compare(original, live, MAPPING, NOTHING)
    if chosen in live:
        live[chosen][field] = content
        compare(original, live, MAPPING, NOTHING)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where in *value* something stands that is neither a list nor a map."""
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves(inner, (*path, name))]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in leaves(inner, (*path, index))]
    return [] if value is None else [path]


#: Steps of paths to what a restore changes without loss.
_NOISE = {
    "clusterIP", "clusterIPs", "nodePort", "volumeName", "nodeName", "priority", "controller-uid", "storage",
    "batch.kubernetes.io/controller-uid", "deployment.kubernetes.io/revision", "pv.kubernetes.io/bind-completed",
    "volume.kubernetes.io/storage-provisioner", "kubernetes.io/pvc-protection", "tolerationSeconds",
}  # fmt: skip


def places(key: Key) -> list[tuple[str | int, ...]]:
    """Where in the restored object *key* something stands that came from the backup as it is."""
    item = application()[key]
    return [
        path
        for path in leaves(
            {name: value for name, value in item.items() if name not in ("apiVersion", "kind", "status")}
        )
        if path[0] != "metadata" or path[1] in ("labels", "annotations", "finalizers")
        if not _NOISE.intersection((*map(str, path), str(at(item, path))))
        if path[:3] not in (("spec", "tolerations", 0), ("spec", "volumeClaimTemplates", 0))
    ]


_COMPARED = [
    (key, path)
    for key in application().keys() & restored(application()).keys()
    if key.name != "kube-root-ca.crt" and key.resource != "endpoints"
    for path in places(key)
]


@settings(max_examples=200)
@given(chosen=st.sampled_from(_COMPARED), what=st.sampled_from(["changed", "removed"]))
def test_a_change_anywhere_is_found_exactly_once(chosen: tuple[Key, tuple[str | int, ...]], what: str) -> None:
    key, path = chosen
    live = copy.deepcopy(restored(application()))
    holder = at(live[key], path[:-1])
    if what == "removed":
        if isinstance(holder, list) or path[-1] in _DEFAULTED:
            return  # a list is told as a whole or by its items: above
        del holder[path[-1]]
    else:
        holder[path[-1]] = "surely-another"
    assert len(found(application(), live)) == 1, (key, path)


#: Fields whose absence means what they say.
_DEFAULTED = {
    "imagePullPolicy", "protocol", "terminationMessagePath", "terminationMessagePolicy", "restartPolicy", "type",
    "sessionAffinity", "internalTrafficPolicy", "revisionHistoryLimit", "volumeMode", "backoffLimit", "suspend",
    "replicas", "serviceAccountName",
}  # fmt: skip


@settings(max_examples=100)
@given(gone=st.sampled_from(sorted(key for key in application() if key in restored(application()))))
def test_an_object_that_is_gone_is_found_exactly_once(gone: Key) -> None:
    live = restored(application())
    del live[gone]
    made_anew = gone.resource == "endpoints" or gone.name == "kube-root-ca.crt"
    assert len(found(application(), live)) == (0 if made_anew else 1)


@settings(max_examples=60)
@given(chosen=st.sampled_from(sorted(application())), name=st.sampled_from(["zz", "other"]))
def test_an_object_that_was_added_is_found_exactly_once(chosen: Key, name: str) -> None:
    original, live = application(), restored(application())
    item = copy.deepcopy(original[chosen])
    item["metadata"] |= {"name": name, "ownerReferences": []}
    live[chosen._replace(name=name)] = item
    never = chosen.resource == "events" or chosen.name == "done"
    assert len(found(original, live)) == (0 if never else 1)
