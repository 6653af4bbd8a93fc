"""A real API server admits into each namespace what its component's pods ask of the node, and no more.

The pods are the most demanding ones of the pinned charts, reduced to what Pod Security looks at.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from hubops import content
from hubops.stack.load import load
from tests.stack.apiserver import KindServer
from tests.stack.manifests import EVERYWHERE, Document, documents, namespaces
from tests.stack.rendered import component
from tests.testbed.api import ApiError, Object

Spec = dict[str, Any]
SECURITY = "pod-security.kubernetes.io/"
STRICTER = {"privileged": "baseline", "baseline": "restricted"}
SECCOMP = {"seccompProfile": {"type": "RuntimeDefault"}}
DROPPED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def pod(security: Spec | None = None, container: Spec | None = None, **spec: Any) -> Spec:
    main = {"name": "main", "image": "registry.example.com/main:1", "securityContext": container or {}}
    return {"securityContext": security or {}, "containers": [main], **spec}


def on_host(path: str) -> list[Spec]:
    return [{"name": "host", "hostPath": {"path": path}}]


RESTRICTED = pod(SECCOMP | {"runAsNonRoot": True}, DROPPED)
#: What the most demanding pod of each namespace needs, by the templates of the pinned charts and our values.
PODS = {
    "cert-manager": RESTRICTED,  # also those that answer HTTP-01 challenges, in any namespace
    "ingress-nginx": pod(
        None, component("none", "ingress-nginx").chart_values()["controller"]["containerSecurityContext"]
    ),
    "monitoring": pod({"runAsNonRoot": True}, hostNetwork=True, hostPID=True, volumes=on_host("/")),
    "logging": pod({"runAsUser": 0}, DROPPED | {"readOnlyRootFilesystem": True}, volumes=on_host("/var/log/pods")),
    "keda": RESTRICTED,
    "vpa": pod(SECCOMP | {"runAsNonRoot": True}),  # the jobs for the certificate of its webhook
    "gatekeeper-system": pod({"fsGroup": 999}, DROPPED | SECCOMP | {"runAsNonRoot": True, "runAsUser": 1000}),
    "velero": pod({"runAsUser": 0}, volumes=on_host("/var/lib/kubelet/pods")),
    "istio-system": pod(None, {"runAsUser": 0}, volumes=on_host("/opt/cni/bin")),  # the CNI plugin
    "istio-ingress": pod(
        SECCOMP | {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]},
        DROPPED | {"runAsNonRoot": True, "runAsUser": 1337},
    ),
    "external-secrets": RESTRICTED,
    "hubops": RESTRICTED,
}
#: How the platform's own namespaces are to be, before a site is known.
STACK = load(content.folder("deploy") / "stack.yaml")
APPLICATION = "llm-analytics"


def everywhere() -> dict[str, Object]:
    """Every namespace of every stack at every site, by its name."""
    return {name: each.object for where in EVERYWHERE for name, each in namespaces(*where).items()}


@pytest.fixture(scope="module")
def admission(server: KindServer) -> KindServer:
    """The server with what it needs to admit pods: ServiceAccounts, and a namespace for each stricter level."""
    for name in STRICTER.values():
        labels = {f"{SECURITY}enforce": name}
        server.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    for namespace in [*everywhere(), *STRICTER.values()]:
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": namespace},
        }
        server.api.apply(account)
    return server


def admitted(server: KindServer, namespace: str, spec: Spec) -> Object:
    """The pod as the server would store it. Raises ApiError where it is refused."""
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "main"}, "spec": spec}
    return server.api.call("POST", server.api.path("Pod", namespace), body, dryRun="All")


@pytest.mark.parametrize(("stack", "site"), EVERYWHERE)
def test_every_namespace_is_enforced_warned_of_and_audited(stack: str, site: str) -> None:
    """At its level; enforced as it was in the version of Kubernetes that the stack is made for."""
    shipped, made = load(content.folder("deploy") / stack), namespaces(stack, site)
    assert PODS.keys() == shipped.namespaces.keys()
    assert APPLICATION in made
    for name, namespace in made.items():
        level = shipped.namespaces[name].pod_security if name in PODS else "restricted"
        labels = {
            key: value for key, value in namespace.object["metadata"]["labels"].items() if key.startswith(SECURITY)
        }
        assert labels == {
            f"{SECURITY}{key}": value
            for mode in ("enforce", "audit", "warn")
            for key, value in {
                mode: level,
                f"{mode}-version": f"v{shipped.kubernetes}" if mode == "enforce" else "latest",
            }.items()
        }


def test_every_namespace_is_made_somewhere() -> None:
    assert everywhere().keys() > PODS.keys() | {APPLICATION}


@pytest.mark.parametrize("namespace", PODS)
def test_a_namespace_admits_what_its_component_needs_and_no_more(admission: KindServer, namespace: str) -> None:
    admitted(admission, namespace, PODS[namespace])
    if stricter := STRICTER.get(STACK.namespaces[namespace].pod_security):
        with pytest.raises(ApiError, match="violates PodSecurity"):
            admitted(admission, stricter, PODS[namespace])


@pytest.mark.parametrize("needs", [name for name, each in STACK.namespaces.items() if each.pod_security in STRICTER])
def test_applications_are_restricted(admission: KindServer, needs: str) -> None:
    admitted(admission, APPLICATION, RESTRICTED)
    with pytest.raises(ApiError, match="violates PodSecurity"):
        admitted(admission, APPLICATION, PODS[needs])


def limits_and_quotas(kind: str, namespace: str) -> list[Document]:
    stack, site = EVERYWHERE[0]
    found = [each for each in documents(stack, site) if each.kind == kind]
    return [each for each in found if each.object["metadata"]["namespace"] == namespace]


def test_what_a_container_gets_that_names_nothing(admission: KindServer) -> None:
    for namespace, expected in {
        APPLICATION: {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "monitoring": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }.items():
        (limits,) = limits_and_quotas("LimitRange", namespace)
        assert admission.store(limits) == []
        stored = admitted(admission, namespace, RESTRICTED)
        assert stored["spec"]["containers"][0]["resources"] == expected


def test_the_quota_of_an_application_is_kept(admission: KindServer) -> None:
    (quota,) = limits_and_quotas("ResourceQuota", APPLICATION)
    (limits,) = limits_and_quotas("LimitRange", APPLICATION)
    assert [*admission.store(quota), *admission.store(limits)] == []
    hard = quota.object["spec"]["hard"]
    # No controller counts here: it is said that the namespace is empty.
    admission.api.set_status(quota.object, {"hard": hard, "used": dict.fromkeys(hard, "0")})
    try:
        admitted(admission, APPLICATION, RESTRICTED)
        for resources, over in {
            '{requests: {cpu: "41", memory: 1Gi}, limits: {memory: 1Gi}}': "requests.cpu",
            "{requests: {cpu: 100m, memory: 1Gi}, limits: {memory: 200Gi}}": "limits.memory",
        }.items():
            (container,) = RESTRICTED["containers"]
            spec = RESTRICTED | {"containers": [container | {"resources": yaml.safe_load(resources)}]}
            with pytest.raises(ApiError, match=f"exceeded quota: quota, requested: {over}"):
                admitted(admission, APPLICATION, spec)
    finally:
        admission.api.delete(quota.object)


def test_a_quota_hinders_no_component_of_the_platform() -> None:
    for where in EVERYWHERE:
        for quota in (each.object for each in documents(*where) if each.kind == "ResourceQuota"):
            if quota["metadata"]["namespace"] in PODS:
                assert quota["spec"]["hard"] == {"pods": "1G"}
                assert quota["spec"]["scopeSelector"]
