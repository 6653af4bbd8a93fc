"""What a drill changes in what it restores: rules for Velero, and the same here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubops.drill.velero.modifiers import NOWHERE, Modifiers, Settings, modifiers
from hubops.drill.velero.objects import Key
from hubops.drill.velero.scope import Scope
from hubops.errors import Permanent

_NOTHING_PREFERRED = {"priorityClassName": "critical", "priority": 9, "preemptionPolicy": "PreemptLowerPriority"}


def of(resource: str, name: str, **fields: Any) -> tuple[Key, dict[str, Any]]:
    metadata = {"namespace": "shop", "name": name, **fields.pop("metadata", {})}
    return Key(resource, "shop", name), {"metadata": metadata, **fields}


def made(*items: tuple[Key, dict[str, Any]], **settings: Any) -> Modifiers:
    return modifiers(items, ["shop"], Settings(**settings))


def changed(resource: str, spec: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """The spec of an object as it is restored."""
    key, item = of(resource, "one", spec=spec)
    found: dict[str, Any] = made((key, item), **settings).modified(resource, item)["spec"]
    return found


def test_no_service_is_open_to_the_outside() -> None:
    ports = [{"name": "http", "port": 80, "targetPort": "web", "nodePort": 30080}, {"name": "sql", "port": 5432}]
    spec = {
        "type": "LoadBalancer", "ports": ports, "externalIPs": ["192.0.2.1"], "externalTrafficPolicy": "Local",
        "healthCheckNodePort": 30081, "loadBalancerIP": "192.0.2.2", "loadBalancerClass": "metal",
        "loadBalancerSourceRanges": ["192.0.2.0/24"], "allocateLoadBalancerNodePorts": True, "selector": {"a": "b"},
    }  # fmt: skip
    inside = {
        "type": "ClusterIP", "selector": {"a": "b"},
        "ports": [{"name": "http", "port": 80, "targetPort": "web"}, {"name": "sql", "port": 5432}],
    }  # fmt: skip
    assert changed("services", spec) == inside
    assert changed("services", spec | {"type": "NodePort"}) == inside
    assert changed("services", {"type": "ClusterIP", "externalIPs": ["192.0.2.1"]}) == {"type": "ClusterIP"}
    outside = {"type": "ExternalName", "externalName": "partner.example.com"}
    assert changed("services", outside) == outside


def test_what_has_a_clock_or_does_its_work_once_does_not_run() -> None:
    assert changed("cronjobs.batch", {"schedule": "* * * * *", "suspend": False})["suspend"] is True
    assert changed("jobs.batch", {"completions": 1})["suspend"] is True


@pytest.mark.parametrize("resource", ["deployments.apps", "statefulsets.apps", "replicasets.apps"])
def test_restored_pods_are_preferred_to_nobodys(resource: str) -> None:
    spec = {"replicas": 2, "template": {"spec": {"containers": [], **_NOTHING_PREFERRED}}}
    assert changed(resource, spec) == {"replicas": 2, "template": {"spec": {"containers": []}}}
    assert changed(resource, spec, workloads=False)["replicas"] == 0


def test_pods_that_would_have_the_nodes_own_things_do_not_run() -> None:
    uses: list[dict[str, Any]] = [
        {"hostNetwork": True}, {"hostPID": True}, {"hostIPC": True}, {"volumes": [{"hostPath": {"path": "/"}}]},
        {"containers": [{"ports": [{"hostPort": 80}]}]},
        {"initContainers": [{"securityContext": {"privileged": True}}]},
    ]  # fmt: skip
    for pod in uses:
        key, item = of("deployments.apps", "agent", spec={"replicas": 3, "template": {"spec": pod}})
        found = made((key, item))
        assert found.modified("deployments.apps", item)["spec"]["replicas"] == 0, pod
        assert found.resting[key].startswith("its pods use "), pod
    assert changed("deployments.apps", {"template": {"spec": {"volumes": [{"emptyDir": {}}]}}}) == {
        "template": {"spec": {"volumes": [{"emptyDir": {}}]}}
    }


def test_a_daemon_set_runs_on_no_node() -> None:
    key, item = of("daemonsets.apps", "agent", spec={"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}})
    found = made((key, item))
    placed = found.modified("daemonsets.apps", item)["spec"]["template"]["spec"]["nodeSelector"]
    assert placed == {"disk": "ssd", **NOWHERE}
    assert key in found.resting


def test_pods_run_whose_controllers_would_make_them_and_no_others() -> None:
    def runs(owner: str | None) -> bool:
        owners = [{"kind": owner, "name": "one"}] if owner else []
        _, item = of("pods", "one", metadata={"ownerReferences": owners}, spec={})
        return "nodeSelector" not in made(of("pods", "one", **item)).modified("pods", item)["spec"]

    kinds = ("ReplicaSet", "StatefulSet", "Job", "DaemonSet", "Workflow", None)
    assert [runs(owner) for owner in kinds] == [True, True, False, False, False, True]


def test_marks_that_others_act_on_are_taken_away_and_all_others_stay() -> None:
    marks = {
        "external-dns.alpha.kubernetes.io/hostname": "shop.example.com", "prometheus.io/scrape": "true",
        "reflector.v1.k8s.emberstack.com/reflection-auto-enabled": "true", "team": "shop",
    }  # fmt: skip
    key, item = of("services", "web", metadata={"annotations": marks, "labels": {"app": "web"}}, spec={})
    found = made((key, item)).modified("services", item)["metadata"]
    assert (found["annotations"], found["labels"]) == ({"team": "shop"}, {"app": "web"})
    template = {"metadata": {"annotations": marks}, "spec": {}}
    assert changed("deployments.apps", {"template": template})["template"]["metadata"] == {
        "annotations": {"team": "shop"}
    }


def test_a_claim_never_takes_a_volume_that_is_there() -> None:
    live = {"volumeName": "pv-of-production", "storageClassName": "fast"}
    assert changed("persistentvolumeclaims", live) == {"storageClassName": "fast"}
    waits = {"selector": {"matchLabels": NOWHERE}}
    assert changed("persistentvolumeclaims", live, found=frozenset({"fast"})) == {"storageClassName": "fast", **waits}
    assert changed("persistentvolumeclaims", {"storageClassName": ""}) == {"storageClassName": "", **waits}
    # Where Velero restores PersistentVolumes, a claim finds its own by that name; another one still finds none.
    own = frozenset({("shop", "one")})
    assert changed("persistentvolumeclaims", live, bound=own) == live
    other = frozenset({("shop", "another")})
    assert changed("persistentvolumeclaims", live, bound=other) == {"storageClassName": "fast"}


def test_a_rule_is_as_velero_reads_it() -> None:
    spec = {"type": "NodePort", "ports": []}
    found = made(*(of("services", name, spec=spec) for name in ("a.b", "c")))
    document = json.loads(found.document())
    assert document["version"] == "v1"
    [rule] = [each for each in document["resourceModifierRules"] if "resourceNameRegex" in each["conditions"]]
    assert rule["conditions"] == {
        "groupResource": "services", "namespaces": ["shop"], "resourceNameRegex": r"^(a\.b|c)$",
    }  # fmt: skip
    assert [json.loads(each["patchData"]) for each in rule["mergePatches"]] == [
        {"spec": {"ports": [], "type": "ClusterIP"}}
    ]
    # Of any other kind of patch Velero creates the object unchanged when it does not fit.
    assert all(set(each) == {"conditions", "mergePatches"} for each in document["resourceModifierRules"])


def test_more_than_a_config_map_can_hold_is_refused() -> None:
    spec = {"type": "NodePort"}
    items = [of("services", f"service-{each:06}", spec=spec | {"ports": [{"port": each}]}) for each in range(6000)]
    with pytest.raises(Permanent, match="more than a ConfigMap can hold"):
        made(*items).document()


def test_nothing_is_restored_whose_controllers_act_outside() -> None:
    scope = Scope()
    for resource in (
        "ingresses.networking.k8s.io", "networkpolicies.networking.k8s.io", "endpoints", "pods", "persistentvolumes",
        "certificates.cert-manager.io", "gateways.gateway.networking.k8s.io", "httproutes.gateway.networking.k8s.io",
        "scaledobjects.keda.sh", "externalsecrets.external-secrets.io", "clusters.postgresql.cnpg.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io",
        "volumesnapshots.snapshot.storage.k8s.io", "leases.coordination.k8s.io", "unheard.of",
    ):  # fmt: skip
        assert scope.why_not(resource), resource
    assert scope.why_not("deployments.apps") is None
    assert scope.cluster_resources is False
    assert scope.resources(["secrets", "pods", "widgets.shop.example.com"]) == ["secrets"]


def test_custom_resources_are_restored_where_the_site_says_so_and_never_what_opens_the_drill() -> None:
    scope = Scope(custom=["*"])
    assert scope.why_not("widgets.shop.example.com") is None
    for resource in ("ciliumnetworkpolicies.cilium.io", "networkpolicies.crd.projectcalico.org",
                     "networkpolicies.networking.k8s.io", "ingresses.networking.k8s.io"):  # fmt: skip
        assert scope.why_not(resource), resource


def test_volumes_lead_to_what_they_need_and_no_more() -> None:
    by_driver = Scope(snapshots=True)
    assert by_driver.cluster_resources is None
    assert by_driver.resources(["secrets"]) == [
        "secrets", "volumesnapshotclasses.snapshot.storage.k8s.io", "volumesnapshotcontents.snapshot.storage.k8s.io",
        "volumesnapshots.snapshot.storage.k8s.io",
    ]  # fmt: skip
    assert Scope(volumes=True).resources([]) == ["persistentvolumes"]
