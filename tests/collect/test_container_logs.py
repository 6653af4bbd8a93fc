from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from hubops.clients.http import DirectTransport
from hubops.clients.loki import Loki
from hubops.clients.retry import Deadline
from hubops.collect.container_logs import CONTAINERS, LINES, read_container_logs, troubled
from hubops.collect.part import Part, status_of
from hubops.config import EndpointConfig
from hubops.errors import Permanent
from hubops.model.kube.core import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    Pod,
    PodStatus,
)
from hubops.model.kube.meta import ObjectMeta, OwnerReference
from tests.clients.server import Request, Server, reply

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUNNING = ContainerState(running=ContainerStateRunning(started_at=AT))
BACK_OFF = ContainerState(waiting=ContainerStateWaiting(reason="CrashLoopBackOff"))


def ended(minutes_ago: float, exit_code: int = 1, signal: int = 0) -> ContainerState:
    at = AT - timedelta(minutes=minutes_ago)
    return ContainerState(
        terminated=ContainerStateTerminated(
            exit_code=exit_code, signal=signal, started_at=at - timedelta(seconds=30), finished_at=at
        )
    )


def pod(name: str, *states: tuple[ContainerState, ContainerState], owner: str | None = None, init: bool = False) -> Pod:
    owners = (OwnerReference(kind="ReplicaSet", name=owner, controller=True),) if owner else ()
    statuses = tuple(
        ContainerStatus(name=f"c{n}", state=state, last_state=last) for n, (state, last) in enumerate(states)
    )
    return Pod(
        metadata=ObjectMeta(name=name, namespace="shop", owner_references=owners),
        status=PodStatus(init_container_statuses=statuses) if init else PodStatus(container_statuses=statuses),
    )


def chosen(*pods: Pod) -> list[tuple[str, str, bool]]:
    return [(item.pod, item.container, item.previous) for item in troubled(pods, AT)]


def test_what_crashes_is_chosen_and_what_does_not_is_not() -> None:
    assert chosen(pod("loops", (BACK_OFF, ended(200)))) == [("loops", "c0", True)]
    assert chosen(pod("loops-cleanly", (BACK_OFF, ended(2, exit_code=0)))) == [("loops-cleanly", "c0", True)]
    assert chosen(pod("restarted", (RUNNING, ended(10)))) == [("restarted", "c0", True)]
    assert chosen(pod("killed", (RUNNING, ended(10, exit_code=0, signal=9)))) == [("killed", "c0", True)]
    assert chosen(pod("over", (ended(10), ContainerState()))) == [("over", "c0", False)]
    assert chosen(pod("init", (BACK_OFF, ended(1)), init=True)) == [("init", "c0", True)]
    assert chosen(pod("long-ago", (RUNNING, ended(61)))) == []
    assert chosen(pod("done", (ended(10, exit_code=0), ContainerState()))) == []
    assert chosen(pod("fine", (RUNNING, ContainerState()))) == []
    assert chosen(pod("pulls", (ContainerState(waiting=ContainerStateWaiting(reason="ErrImagePull")), RUNNING))) == []


def test_an_init_container_that_holds_its_pod_is_chosen_with_its_present_log() -> None:
    def waits(minutes: float, phase: str = "Pending", init: bool = True) -> Pod:
        running = ContainerState(running=ContainerStateRunning(started_at=AT - timedelta(minutes=minutes)))
        made = pod("held", (running, ended(50)), init=init)
        return Pod(metadata=made.metadata, status=structs.replace(made.status, phase=phase))

    assert chosen(waits(11)) == [("held", "c0", False)]
    assert chosen(waits(9)) == [("held", "c0", True)]  # for its crash of before
    assert chosen(waits(11, phase="Running")) == [("held", "c0", True)]
    assert chosen(waits(11, init=False)) == [("held", "c0", True)]


def test_one_pod_stands_for_its_owner_the_one_that_crashed_last() -> None:
    pods = [
        pod("a", (BACK_OFF, ended(9)), (RUNNING, ended(30)), owner="cart-1"),
        pod("b", (BACK_OFF, ended(2)), (RUNNING, ended(40)), owner="cart-1"),
        pod("c", (RUNNING, ended(1)), owner="cart-1"),
        pod("d", (BACK_OFF, ended(5)), owner="cart-2"),
        pod("e", (BACK_OFF, ended(6))),
    ]
    assert chosen(*pods) == [("b", "c0", True), ("d", "c0", True), ("e", "c0", True), ("a", "c1", True)]


def test_no_more_than_so_many() -> None:
    many = [pod(f"p{n}", (BACK_OFF, ended(n))) for n in range(CONTAINERS + 20)]
    assert chosen(*many) == [(f"p{n}", "c0", True) for n in range(CONTAINERS)]


class Api:
    """The API server's logs; records what was asked."""

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.asked: list[tuple[object, ...]] = []

    def pod_log(
        self, namespace: str, pod: str, container: str, *, previous: bool, tail_lines: int, timeout: float
    ) -> str:
        self.asked.append((namespace, pod, container, previous, tail_lines))
        assert 0 < timeout <= 5
        if self.text is None:
            raise Permanent("previous terminated container not found", status=400)
        return self.text


def read(pods: Sequence[Pod], url: str | None, api: Api | None) -> Part:
    deadline = Deadline(120)
    loki = Loki(DirectTransport("loki", EndpointConfig(url=url)), timeout=5, deadline=deadline) if url else None
    return read_container_logs(pods, AT, loki=loki, client=api, deadline=deadline, timeout=5, progress=lambda *_: None)


LOOPS = pod("cart-1", (BACK_OFF, ended(2)), owner="cart")


class FakeLoki:
    def __init__(self, labels: Sequence[str], lines: Sequence[str], status: int = 200) -> None:
        self.labels = list(labels)
        self.lines = lines
        self.status = status

    def __call__(self, request: Request) -> list[bytes]:
        if request.path == "/loki/api/v1/labels":
            return reply(200, {"status": "success", "data": self.labels})
        values = [[str(n), line] for n, line in reversed(list(enumerate(self.lines)))]
        streams = [{"stream": {}, "values": values}] if self.lines else []
        return reply(self.status, {"status": "success", "data": {"resultType": "streams", "result": streams}})


@pytest.mark.parametrize(
    ("labels", "selector"),
    [
        (["namespace", "pod", "container", "app"], '{namespace="shop",pod="cart-1",container="c0"}'),
        (
            ["k8s_namespace_name", "k8s_pod_name", "k8s_container_name"],
            '{k8s_namespace_name="shop",k8s_pod_name="cart-1",k8s_container_name="c0"}',
        ),
    ],
)
def test_the_lines_before_the_crash_come_from_loki(labels: list[str], selector: str) -> None:
    api = Api("unused")
    with Server(FakeLoki(labels, ["starting", "panic: \x1b[31m token=abcdef"])) as server:
        part = read([LOOPS], server.url, api)
        asked = server.requests[-1].params
    (log,) = part.container_logs
    assert [line.text for line in log.lines] == ["starting", "panic: \x1b[31m token=[redacted]"]
    assert (log.namespace, log.pod, log.container, log.origin, log.previous) == ("shop", "cart-1", "c0", "loki", True)
    assert (asked["query"], asked["limit"]) == (selector, str(LINES))
    crash = AT - timedelta(minutes=2)
    assert int(asked["start"]) == int((crash - timedelta(seconds=31)).timestamp()) * 10**9
    assert int(asked["end"]) == int((crash + timedelta(seconds=1)).timestamp()) * 10**9
    assert api.asked == []


@pytest.mark.parametrize(
    "loki",
    [
        FakeLoki(["namespace", "pod", "container"], []),
        FakeLoki(["namespace", "pod", "container"], ["x"], status=400),
        FakeLoki(["job", "filename"], ["x"]),
        None,
    ],
)
def test_otherwise_from_the_api_server(loki: FakeLoki | None) -> None:
    api = Api("starting\r\npanic: password=hunter2\n")
    if loki is None:
        part = read([LOOPS], None, api)
    else:
        with Server(loki) as server:
            part = read([LOOPS], server.url, api)
    (log,) = part.container_logs
    assert [line.text for line in log.lines] == ["starting", "panic: password=[redacted]"]
    assert (log.origin, log.previous) == ("kubelet", True)
    assert api.asked == [("shop", "cart-1", "c0", True, LINES)]


def test_a_log_that_cannot_be_had_is_a_remark() -> None:
    part = read([LOOPS, pod("b", (BACK_OFF, ended(1)))], None, Api(None))
    assert part.container_logs == ()
    assert (part.read, part.unread) == (("container-logs",), {})
    assert status_of(part) == (
        "partial",
        "logs of 2 of 2 crashed containers not read: shop/b: previous terminated container not found",
    )


def test_without_the_api_server_only_loki_is_asked() -> None:
    with Server(FakeLoki(["namespace", "pod", "container"], [])) as server:
        part = read([LOOPS], server.url, None)
    assert status_of(part)[0] == "partial"


def test_healthy_pods_ask_nothing() -> None:
    api = Api("x")
    with Server(FakeLoki([], [])) as server:
        part = read([pod("fine", (RUNNING, ContainerState()))], server.url, api)
        assert server.requests == []
    assert status_of(part) == ("ok", None)
    assert api.asked == []
