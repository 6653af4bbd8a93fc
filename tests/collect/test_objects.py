"""Reading the objects of a cluster: what is there is whole, what is not there has a reason."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
import yaml

from hubops.clients.kube.client import KubeClient
from hubops.clients.retry import Deadline
from hubops.collect.objects import read_objects
from hubops.collect.part import Part
from hubops.config import Duration, KubernetesConfig
from hubops.errors import ClusterUnreachable
from hubops.model.kube.kinds import BY_PLURAL
from hubops.model.snapshot import Needs
from tests.clients.server import Request, Server, reply
from tests.testbed.bed import Testbed

Pieces = Iterable[bytes]


def silent(source: str, done: int, total: int) -> None:
    """For what nobody watches."""
    assert 0 < done <= total, source


def client_of(kubeconfig: Path, deadline: Deadline, **config: object) -> KubeClient:
    client = KubeClient(
        KubernetesConfig(kubeconfig=str(kubeconfig), **config),  # type: ignore[arg-type]
        deadline=deadline,
        environ={},
    )
    client.attempts = 1
    return client


def kubeconfig_of(server: Server, folder: Path) -> Path:
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump({
        "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }))  # fmt: skip
    return path


def read(server: Server, folder: Path, needs: Needs, seconds: float = 20) -> Part:
    deadline = Deadline(seconds)
    client = client_of(kubeconfig_of(server, folder), deadline, timeout=Duration(seconds=10))
    return read_objects(client, needs, deadline=deadline, progress=silent)


def api(answers: Mapping[str, list[bytes] | Callable[[], Pieces]]) -> Callable[[Request], Pieces]:
    """A server that lists one object of each kind, but answers as *answers* says for the paths in there."""

    def answer(request: Request) -> Pieces:
        given = answers.get(request.path)
        if given is not None:
            return given() if callable(given) else given
        if request.path == "/version":
            return document({"gitVersion": "v1.34.1"})
        kind = BY_PLURAL[request.path.rpartition("/")[2]].name
        return document({"kind": f"{kind}List", "metadata": {}, "items": [{"metadata": {"name": "one"}}]})

    return answer


def document(body: object, status: int = 200) -> list[bytes]:
    return reply(status, json.dumps(body).encode(), Content_Type="application/json")


NEEDS = Needs(kinds=frozenset({"pods", "nodes", "jobs"}))


def test_what_was_read_and_what_was_not(tmp_path: Path) -> None:
    forbidden = document({"message": 'nodes is forbidden: User "u" cannot list resource "nodes" in API group ""'}, 403)
    answers = api({"/api/v1/nodes": forbidden, "/apis/batch/v1/jobs": document({"message": "no"}, 404)})
    with Server(answers) as server:
        part = read(server, tmp_path, NEEDS)
    assert part.server_version == "v1.34.1"
    assert [pod.name for pod in part.objects.pods] == ["one"]
    assert part.read == ("pods",)
    assert part.unread == {
        "nodes": "user u may not list nodes (403)",
        "jobs": "this cluster does not serve jobs in batch/v1",
    }


def test_a_list_that_fails_on_its_second_page_is_not_read_at_all(tmp_path: Path) -> None:
    first = {"kind": "PodList", "metadata": {"continue": "t"}, "items": [{"metadata": {"name": "one"}}]}
    pages = [document(first), document({"message": "etcdserver: timeout"}, 500)]
    with Server(api({"/api/v1/pods": lambda: pages.pop(0)})) as server:
        part = read(server, tmp_path, NEEDS)
    assert part.objects.pods == ()
    assert "etcdserver: timeout" in part.unread["pods"]
    assert sorted(part.read) == ["jobs", "nodes"]


def test_what_hangs_is_unread_at_the_deadline_and_the_rest_is_there(tmp_path: Path) -> None:
    ended = threading.Event()

    def hang() -> Pieces:
        ended.wait(30)
        return []

    with Server(api({"/api/v1/nodes": hang})) as server:
        part = read(server, tmp_path, NEEDS, seconds=5)
        ended.set()
    assert sorted(part.read) == ["jobs", "pods"]
    assert list(part.unread) == ["nodes"]
    assert "deadline of 5 s" in part.unread["nodes"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(document({"message": "Unauthorized"}, 401), "refused the credentials", id="credentials refused"),
        pytest.param(reply(200, "<title>Log in</title>", Content_Type="text/html"), "web page", id="a web page"),
        pytest.param(document({"some": "thing"}), "gitVersion", id="other JSON"),
    ],
)
def test_what_is_no_reachable_api_server(tmp_path: Path, answer: list[bytes], reason: str) -> None:
    with Server(answer) as server, pytest.raises(ClusterUnreachable, match=reason):
        read(server, tmp_path, NEEDS)


def test_a_server_that_is_gone_after_its_version_was_asked(tmp_path: Path) -> None:
    """It answers once and then no more."""
    gone = threading.Event()

    def answer(request: Request) -> Pieces:
        if request.path != "/version":
            gone.set()
            return []  # closes the connection without an answer
        return document({"gitVersion": "v1.34.1"})

    with Server(answer) as server, pytest.raises(ClusterUnreachable):
        read(server, tmp_path, NEEDS)
    assert gone.is_set()


def test_a_server_that_does_not_tell_its_version_is_read_all_the_same(tmp_path: Path) -> None:
    with Server(api({"/version": document({"message": "no"}, 403)})) as server:
        part = read(server, tmp_path, NEEDS)
    assert part.server_version is None
    assert sorted(part.read) == ["jobs", "nodes", "pods"]


def test_progress_is_told_kind_by_kind(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    def tell(source: str, done: int, total: int) -> None:
        told.append((source, done, total))

    with Server(api({})) as server:
        deadline = Deadline(20)
        client = client_of(kubeconfig_of(server, tmp_path), deadline)
        read_objects(client, NEEDS, deadline=deadline, progress=tell)
    assert told == [("kubernetes", count, 3) for count in (1, 2, 3)]


def test_a_user_who_may_not_see_everything(bare_testbed: Testbed) -> None:
    bare_testbed.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "auditors"}})
    rule = {"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": ["list"]}
    path = bare_testbed.service_account("auditors", "reader", rule)
    needs = Needs(
        kinds=frozenset({"pods", "namespaces", "deployments"}),
        custom={
            "raw:namespaces": frozenset({"status.phase"}),
            "raw:nodes": frozenset(),
            "certificates.cert-manager.io": frozenset({"status.notAfter"}),
        },
    )
    deadline = Deadline(60)
    part = read_objects(client_of(path, deadline), needs, deadline=deadline, progress=silent)
    user = "user system:serviceaccount:auditors:reader"
    assert sorted(part.read) == ["namespaces", "pods", "raw:namespaces"]
    assert part.unread == {
        "deployments": f"{user} may not list deployments.apps (403)",
        "raw:nodes": f"{user} may not list nodes (403)",
        "certificates.cert-manager.io": "this cluster does not serve certificates.cert-manager.io",
    }
    assert "auditors" in {item.name for item in part.objects.namespaces}
    found = {item["metadata"]["name"]: item for item in part.custom["raw:namespaces"]}
    assert found["auditors"]["status"] == {"phase": "Active"}


def test_an_expired_token(bare_testbed: Testbed, tmp_path: Path) -> None:
    kubeconfig = yaml.safe_load(bare_testbed.kubeconfig.read_text())
    kubeconfig["users"] = [{"name": user["name"], "user": {"token": "expired"}} for user in kubeconfig["users"]]
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    deadline = Deadline(60)
    with pytest.raises(ClusterUnreachable, match=r"refused the credentials \(401\); has the token expired"):
        read_objects(client_of(path, deadline), NEEDS, deadline=deadline, progress=silent)
