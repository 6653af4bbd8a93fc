"""Lists from servers that do wrong: no part of a list is ever taken for the whole."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterable

import pytest

from hubops.clients.kube.client import KubeClient
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.errors import HubopsError, Permanent, Retryable
from hubops.model.kube.kinds import BY_PLURAL
from tests.clients.kube.conftest import Connect, MakeKubeconfig
from tests.clients.kube.wire import PROTOBUF, listed, message, wrapped
from tests.clients.server import Request, Server, reply

PODS = BY_PLURAL["pods"]
Pieces = Iterable[bytes]


def protobuf(body: bytes, status: int = 200, **headers: str) -> list[bytes]:
    return reply(status, body, Content_Type=PROTOBUF, **headers)


def as_json(status: int, body: object, **headers: str) -> list[bytes]:
    return reply(status, json.dumps(body).encode(), Content_Type="application/json", **headers)


def refused(code: int, text: str, **headers: str) -> list[bytes]:
    return as_json(code, {"kind": "Status", "apiVersion": "v1", "message": text, "code": code}, **headers)


def in_turn(*answers: Pieces) -> Callable[[Request], Pieces]:
    """One answer after the other; the last one again and again."""
    remaining = list(answers)
    return lambda _request: remaining.pop(0) if len(remaining) > 1 else remaining[0]


def names(client: KubeClient) -> list[str]:
    return [pod.name for pod in client.list(PODS)]


def said(answer: Callable[[Request], Pieces] | list[bytes], connect: Connect, kind: type[HubopsError]) -> str:
    """What the client says, without a second attempt, when it lists pods at a server that answers so."""
    with Server(answer) as server, pytest.raises(kind) as caught:
        connect(server.url, attempts=1).list(PODS)
    return str(caught.value)


def test_a_list_in_pages(connect: Connect) -> None:
    with Server(in_turn(protobuf(listed("Pod", ["a", "b"], "more")), protobuf(listed("Pod", ["c"])))) as server:
        assert names(connect(server.url, page_size=2)) == ["a", "b", "c"]
    first, second = server.requests
    assert first.params == {"limit": "2"}
    assert second.params == {"limit": "2", "continue": "more"}
    assert first.headers["authorization"] == "Bearer s3cret"
    assert first.headers["accept"].startswith(PROTOBUF)


def test_an_expired_token_begins_again_and_the_newer_list_wins(connect: Connect) -> None:
    answers = in_turn(
        protobuf(listed("Pod", ["old", "gone"], "t1")),
        refused(410, "The provided continue parameter is too old"),
        protobuf(listed("Pod", ["old"], "t2")),
        protobuf(listed("Pod", ["new"])),
    )
    with Server(answers) as server:
        assert names(connect(server.url)) == ["old", "new"]
    assert [request.params.get("continue") for request in server.requests] == [None, "t1", None, "t2"]


def test_a_list_that_always_expires_ends(connect: Connect) -> None:
    def answer(request: Request) -> Pieces:
        return refused(410, "too old") if "continue" in request.params else protobuf(listed("Pod", ["a"], "t"))

    assert "expired" in said(answer, connect, Retryable)


def test_overload_is_waited_for_as_long_as_the_server_says(connect: Connect) -> None:
    busy = refused(429, "too many requests", Retry_After="1")
    began = time.monotonic()
    with Server(in_turn(busy, protobuf(listed("Pod", ["a"])))) as server:
        assert names(connect(server.url)) == ["a"]
    assert time.monotonic() - began >= 1


def test_overload_is_not_waited_for_beyond_the_deadline(connect: Connect) -> None:
    began = time.monotonic()
    with Server(refused(429, "too many requests", Retry_After="15")) as server, pytest.raises(Retryable, match="429"):
        connect(server.url, seconds=10).list(PODS)
    assert time.monotonic() - began < 10


def test_a_server_error_passes(connect: Connect) -> None:
    with Server(in_turn(refused(500, "etcdserver: leader changed"), protobuf(listed("Pod", ["a"])))) as server:
        assert names(connect(server.url)) == ["a"]


def test_a_server_error_that_stays_is_told_in_its_own_words(connect: Connect) -> None:
    status = wrapped("Status", message((3, "etcdserver: no leader")))
    assert "500: etcdserver: no leader" in said(protobuf(status, 500), connect, Retryable)


@pytest.mark.parametrize("cut", [0.3, 0.99], ids=["early", "late"])
def test_a_connection_cut_within_the_body_is_tried_again(connect: Connect, cut: float) -> None:
    (whole,) = protobuf(listed("Pod", [f"pod-{number}" for number in range(1000)]))
    with Server(in_turn([whole[: int(len(whole) * cut)]], [whole])) as server:
        assert len(names(connect(server.url))) == 1000
    assert len(server.requests) == 2


def test_a_connection_that_is_always_cut_is_an_error(connect: Connect) -> None:
    (whole,) = protobuf(listed("Pod", ["a", "b"]))
    assert "broke its answer off" in said([whole[:-10]], connect, Retryable)


def test_a_chunked_body_without_its_end_is_an_error(connect: Connect) -> None:
    body = listed("Pod", ["a", "b"])
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {PROTOBUF}\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n"
    assert "broke its answer off" in said([head.encode() + body + b"\r\n"], connect, Retryable)


def test_a_second_page_that_fails_fails_the_list(connect: Connect) -> None:
    answers = in_turn(protobuf(listed("Pod", ["a"], "more")), refused(500, "no"))
    with Server(answers) as server, pytest.raises(Retryable, match="500"):
        connect(server.url, attempts=1).list(PODS)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(listed("Pod", ["a", "b"])[:-9], id="truncated"),
        pytest.param(b"k8s\0\xff\xff\xff\xff\xff", id="garbage"),
        pytest.param(b"", id="empty"),
        pytest.param(listed("Node", ["a"]), id="another kind"),
        pytest.param(wrapped("Status", message((3, "no"))), id="a Status"),
    ],
)
def test_protobuf_that_is_not_the_list_is_an_error(connect: Connect, body: bytes) -> None:
    assert said(protobuf(body), connect, Retryable) == "the API server's list of pods is damaged"


def test_damaged_protobuf_is_asked_for_again(connect: Connect) -> None:
    with Server(in_turn(protobuf(b"k8s\0\xff"), protobuf(listed("Pod", ["a"])))) as server:
        assert names(connect(server.url)) == ["a"]


def test_a_web_page_is_no_list(connect: Connect) -> None:
    page = reply(200, "<html><title>Log in</title></html>", Content_Type="text/html; charset=utf-8")
    assert "text/html instead of a list of pods" in said(page, connect, Permanent)


def test_a_redirect_is_refused_and_not_followed(connect: Connect) -> None:
    with Server(protobuf(listed("Pod", ["a"]))) as other:
        answer = reply(302, "", Location=f"{other.url}/api/v1/pods")
        text = said(answer, connect, Permanent)
    assert f"redirects to {other.url}" in text
    assert other.requests == []  # the token stays here


def test_compressed_answers_are_read(connect: Connect) -> None:
    body = gzip.compress(listed("Pod", ["a"]))
    with Server(protobuf(body, Content_Encoding="gzip")) as server:
        assert names(connect(server.url)) == ["a"]
    assert server.requests[0].headers["accept-encoding"] == "gzip"


def test_compression_is_not_asked_for_where_the_kubeconfig_says_so(kubeconfig: MakeKubeconfig) -> None:
    with Server(protobuf(listed("Pod", ["a"]))) as server:
        path = kubeconfig(server.url, cluster={"disable-compression": True})
        names(KubeClient(KubernetesConfig(kubeconfig=str(path)), deadline=Deadline(20), environ={}))
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_damaged_compression_is_an_error(connect: Connect) -> None:
    body = gzip.compress(listed("Pod", [f"pod-{number}" for number in range(100)]))
    damaged = body[:40] + b"\xff\xff\xff\xff" + body[44:]
    assert "damaged" in said(protobuf(damaged, Content_Encoding="gzip"), connect, HubopsError)


def test_json_where_protobuf_is_not_acceptable(connect: Connect) -> None:
    def answer(request: Request) -> Pieces:
        if PROTOBUF in request.headers["accept"]:
            return refused(406, "only the following media types are accepted: application/json")
        return as_json(200, {"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "a"}}]})

    with Server(answer) as server:
        assert names(connect(server.url)) == ["a"]


def test_json_in_pages_where_that_is_all_there_is(connect: Connect) -> None:
    def page(name: str, token: str) -> list[bytes]:
        metadata = {"continue": token} if token else {}
        return as_json(200, {"kind": "PodList", "metadata": metadata, "items": [{"metadata": {"name": name}}]})

    with Server(in_turn(page("a", "more"), page("b", ""))) as server:
        assert names(connect(server.url)) == ["a", "b"]
    assert server.requests[1].params["continue"] == "more"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"kind": "PodList", "items": [{"metadata"', id="truncated"),
        pytest.param(b"nonsense", id="garbage"),
        pytest.param(b'{"kind": "PodList", "metadata": {}}', id="no items"),
        pytest.param(b'{"kind": "NodeList", "items": []}', id="another kind"),
        pytest.param(b'{"kind": "Status", "message": "no"}', id="a Status"),
    ],
)
def test_json_that_is_not_the_list_is_an_error(connect: Connect, body: bytes) -> None:
    said(reply(200, body, Content_Type="application/json"), connect, Retryable)


def test_json_of_another_shape_is_an_error_that_names_the_field(connect: Connect) -> None:
    body = {"kind": "PodList", "items": [{"metadata": {"name": "a", "labels": ["not", "a", "map"]}}]}
    assert "metadata.labels" in said(as_json(200, body), connect, Permanent)


def test_what_the_api_writes_as_null_is_empty(connect: Connect) -> None:
    spec = {"containers": None, "volumes": None, "nodeSelector": None, "restartPolicy": None}
    body = {"kind": "PodList", "metadata": {}, "items": [{"metadata": {"name": "a", "labels": None}, "spec": spec}]}
    with Server(as_json(200, body)) as server:
        (pod,) = connect(server.url).list(PODS)
    assert pod == type(pod)(metadata=type(pod.metadata)(name="a"))


def test_a_kind_that_is_not_served_is_named(connect: Connect) -> None:
    text = "the server could not find the requested resource"
    with Server(refused(404, text)) as server, pytest.raises(Permanent) as caught:
        connect(server.url).list(BY_PLURAL["cronjobs"])
    assert str(caught.value) == "this cluster does not serve cronjobs in batch/v1"


def test_what_is_forbidden_names_user_verb_and_resource(connect: Connect) -> None:
    text = 'pods is forbidden: User "alice" cannot list resource "pods" in API group "" at the cluster scope'
    assert said(refused(403, text), connect, Permanent) == "user alice may not list pods (403)"
    as_protobuf = protobuf(wrapped("Status", message((3, text))), 403)
    assert said(as_protobuf, connect, Permanent) == "user alice may not list pods (403)"


def test_impersonation_that_is_forbidden_is_what_is_named(connect: Connect) -> None:
    text = 'users "bob" is forbidden: User "alice" cannot impersonate resource "users" in API group ""'
    assert said(refused(403, text), connect, Permanent) == "user alice may not impersonate users (403)"


def test_anonymous_requests_are_called_so(connect: Connect) -> None:
    text = 'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group ""'
    assert "no credentials were sent" in said(refused(403, text), connect, Permanent)


def test_hostile_words_of_the_server_are_inert(connect: Connect) -> None:
    text = 'pods is forbidden: User "ev\x1b[31mil\n" cannot list resource "pods"'
    assert "\x1b" not in said(refused(403, text), connect, Permanent)
    assert "\x1b" not in said(refused(422, "no\x1b[31m"), connect, Permanent)
    assert "\x1b" not in said(reply(200, b"x", Content_Type="te\x1b[31mxt/html"), connect, Permanent)


def test_a_namespace_and_a_label_selector_narrow_a_list(connect: Connect) -> None:
    with Server(protobuf(listed("EndpointSlice", []))) as server:
        assert connect(server.url).list(BY_PLURAL["endpointslices"], namespace="shop", labels="a=b") == ()
    (request,) = server.requests
    assert request.path == "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
    assert request.params["labelSelector"] == "a=b"


def test_each_field_selector_of_a_kind_is_a_list_of_its_own(connect: Connect) -> None:
    with Server(lambda request: protobuf(listed("Event", [request.params["fieldSelector"]]))) as server:
        found = connect(server.url).list(BY_PLURAL["events"])
    assert [event.name for event in found] == list(BY_PLURAL["events"].field_selectors)
