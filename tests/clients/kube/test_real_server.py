"""The real API server: what it serves as protobuf and as JSON is one and the same to hubops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kubernetes.config import incluster_config

from hubops.clients.kube.client import KubeClient
from hubops.clients.kube.envelope import MEDIA_TYPE, protobuf_page
from hubops.clients.kube.json_list import json_page
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.errors import ClusterUnreachable, ConfigError, Permanent
from hubops.model.kube.kinds import BY_PLURAL, KINDS, Kind
from hubops.model.kube.meta import Object, is_kept
from tests.clients.kube.examples import Maker, unset
from tests.schema import plan, upstream
from tests.testbed.bed import Testbed
from tests.testbed.etcd import encode

EVERYTHING, NOTHING, HALF = "everything", "nothing", "half"


@pytest.fixture(scope="module")
def examples(bare_testbed: Testbed) -> Iterator[Testbed]:
    """Three objects of each kind, put where the API server stores them: no validation stands in the way there."""
    pairs = plan.pairs(upstream.messages())
    makers = {EVERYTHING: Maker(pairs, 1.0, 1), NOTHING: Maker(pairs, 0.0, 2), HALF: Maker(pairs, 0.5, 3)}
    stored = [maker.stored(kind, name) for kind in KINDS for name, maker in makers.items()]
    bare_testbed.store.put(stored)
    yield bare_testbed
    for key, _ in stored:
        bare_testbed.store.call("deleterange", {"key": encode(key.encode())})


@pytest.fixture
def client(bare_testbed: Testbed) -> KubeClient:
    config = KubernetesConfig(kubeconfig=str(bare_testbed.kubeconfig), page_size=2)
    return KubeClient(config, deadline=Deadline(60), environ={})


def by_name(items: object) -> dict[str, Object]:
    return {item.name: item for item in items}  # type: ignore[attr-defined]


def served(bed: Testbed, kind: Kind, accept: str) -> bytes:
    answer = bed.api.session.get(bed.server + kind.path, headers={"Accept": accept}, timeout=30)
    assert answer.headers["Content-Type"] == accept
    return answer.content


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_protobuf_and_json_become_equal_structs(examples: Testbed, kind: Kind) -> None:
    from_protobuf = by_name(protobuf_page(served(examples, kind, MEDIA_TYPE), kind).items)
    from_json = by_name(json_page(served(examples, kind, "application/json"), kind).items)
    assert {EVERYTHING, NOTHING, HALF} <= from_protobuf.keys()
    for name, item in from_protobuf.items():
        assert item == from_json[name]


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_every_field_is_read(kind: Kind, client: KubeClient) -> None:
    item = by_name(client.list(kind))[EVERYTHING]
    absent = set(unset(item, kind.name))
    assert absent == (set() if kind.namespaced else {f"{kind.name}.metadata.namespace"})


def test_no_annotation_of_another_tool_is_kept(examples: Testbed) -> None:
    kind = BY_PLURAL["deployments"]
    for items in (
        protobuf_page(served(examples, kind, MEDIA_TYPE), kind).items,
        json_page(served(examples, kind, "application/json"), kind).items,
    ):
        deployment = by_name(items)[EVERYTHING]
        for metadata in (deployment.metadata, deployment.spec.template.metadata):  # type: ignore[attr-defined]
            assert list(metadata.annotations) == ["hubops.io/annotations"]
            assert all(is_kept(key) for key in metadata.annotations)


def test_pages_bring_the_whole_list_once(examples: Testbed, client: KubeClient) -> None:
    whole = protobuf_page(served(examples, BY_PLURAL["namespaces"], MEDIA_TYPE), BY_PLURAL["namespaces"]).items
    assert [item.name for item in client.list(BY_PLURAL["namespaces"])] == [item.name for item in whole]


@pytest.mark.usefixtures("examples")
def test_lists_of_a_namespace_and_of_a_label(client: KubeClient) -> None:
    pods = BY_PLURAL["pods"]
    assert {item.name for item in client.list(pods, namespace="examples")} >= {EVERYTHING, NOTHING, HALF}
    assert client.list(pods, namespace="elsewhere") == ()
    assert client.list(pods, labels="no=such") == ()


@pytest.mark.usefixtures("examples")
def test_raw_objects_hold_the_fields_that_were_asked_for(client: KubeClient) -> None:
    found = {item["metadata"]["name"]: item for item in client.list_pruned("raw:deployments.apps", ["spec.replicas"])}
    item = found[EVERYTHING]
    assert (item["apiVersion"], item["kind"]) == ("apps/v1", "Deployment")
    assert list(item["spec"]) == ["replicas"]
    assert set(item) == {"apiVersion", "kind", "metadata", "spec"}


def test_custom_resources_in_the_version_that_is_served(client: KubeClient) -> None:
    """CustomResourceDefinitions are served by every API server, under a group."""
    assert client.list_pruned("customresourcedefinitions.apiextensions.k8s.io", ["spec.group"]) == ()
    with pytest.raises(Permanent, match=r"this cluster does not serve certificates\.cert-manager\.io"):
        client.list_pruned("certificates.cert-manager.io", [])
    with pytest.raises(Permanent, match=r"this cluster does not serve widgets\.apps"):
        client.list_pruned("widgets.apps", [])


def test_the_version_and_names(bare_testbed: Testbed, client: KubeClient) -> None:
    assert client.version().startswith("v1.")
    assert client.server == bare_testbed.server


def test_all_impersonated_groups_count(bare_testbed: Testbed) -> None:
    bare_testbed.api.apply({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reads-nodes"},
        "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}],
    })  # fmt: skip
    bare_testbed.api.apply({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "reads-nodes"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reads-nodes"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "first"}],
    })  # fmt: skip

    def acting(*groups: str) -> KubeClient:
        config = KubernetesConfig(kubeconfig=str(bare_testbed.kubeconfig), as_user="zoë", as_group=groups)
        return KubeClient(config, deadline=Deadline(60), environ={})

    acting("first", "second").list(BY_PLURAL["nodes"])
    with pytest.raises(Permanent, match=r"user zoë may not list nodes \(403\)"):
        acting("second").list(BY_PLURAL["nodes"])


@pytest.fixture
def pod(bare_testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment and the files of a pod, with a real token; the path of the token."""
    bare_testbed.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hubops"}})
    rule = {"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": ["get", "list"]}
    bare_testbed.service_account("hubops", "reader", rule)
    token = tmp_path / "token"
    token.write_text(bare_testbed.token("hubops", "reader"))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(bare_testbed.authority))
    address = urlsplit(bare_testbed.server)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    return token


@pytest.mark.usefixtures("pod")
def test_inside_a_pod(bare_testbed: Testbed) -> None:
    client = KubeClient(KubernetesConfig(), deadline=Deadline(60))
    client.list(BY_PLURAL["pods"])
    system = bare_testbed.api.get("Namespace", None, "kube-system")
    assert system is not None
    assert client.cluster_name == system["metadata"]["uid"]
    with pytest.raises(Permanent, match="user system:serviceaccount:hubops:reader may not list nodes"):
        client.list(BY_PLURAL["nodes"])


def test_a_token_that_was_rotated_inside_a_pod_is_picked_up(bare_testbed: Testbed, pod: Path) -> None:
    good = pod.read_text()
    pod.write_text("expired")
    client = KubeClient(KubernetesConfig(), deadline=Deadline(60))
    with pytest.raises(ClusterUnreachable, match=f"{bare_testbed.server}: .* refused the credentials"):
        client.list(BY_PLURAL["pods"])
    pod.write_text("")
    with pytest.raises(ConfigError, match="Token file exists but empty"):
        client.list(BY_PLURAL["pods"])
    pod.write_text(good)
    client.list(BY_PLURAL["pods"])
