from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.clients.kube.envelope import protobuf_page
from hubops.clients.kube.schema.values import moment
from hubops.errors import Retryable
from hubops.model.kube.core import Pod
from hubops.model.kube.kinds import BY_PLURAL
from tests.clients.kube.wire import listed, message, named, wrapped

PODS = BY_PLURAL["pods"]


def pod(*fields: tuple[int, bytes | str | int]) -> Pod:
    (found,) = protobuf_page(wrapped("PodList", message((1, b""), (2, message(*fields)))), PODS).items
    assert isinstance(found, Pod)
    return found


def test_times() -> None:
    assert moment(b"") is None
    assert moment(message((1, 0), (2, 0))) == datetime(1970, 1, 1, tzinfo=UTC)
    assert moment(message((1, 1767323045), (2, 123456789))) == datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_every_time_that_kubernetes_can_hold(at: datetime) -> None:
    seconds = round((at.replace(microsecond=0) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    assert moment(message((1, seconds % 2**64), (2, at.microsecond * 1000))) == at


def test_a_time_that_no_calendar_has_is_damage() -> None:
    with pytest.raises(Retryable, match="damaged"):
        pod((1, message((8, message((1, 2**62), (2, 0))))))


def test_text_that_is_not_utf8_is_read_as_the_api_writes_it_in_json() -> None:
    """A termination message is whatever a program wrote last."""
    found = pod((3, message((1, "Failed"), (3, b"core dumped \xff\xfe"), (4, b"\xe2\x82"))))
    assert (found.status.message, found.status.reason) == ("core dumped \ufffd\ufffd", "\ufffd")


def test_annotations_of_other_tools_are_dropped() -> None:
    entries = {
        "hubops.io/ignore": "a",
        "kubectl.kubernetes.io/last-applied-configuration": "hunter2",
        "meta.helm.sh/release-name": "r",
        "hubops.iox/ignore": "hunter2",
        "": "hunter2",
    }
    metadata = message(*((12, message((1, key), (2, value))) for key, value in entries.items()))
    assert pod((1, metadata)).metadata.annotations == {"hubops.io/ignore": "a", "meta.helm.sh/release-name": "r"}


def test_entries_of_a_map_may_come_in_either_order_and_incomplete() -> None:
    labels = message((11, message((2, "v"), (1, "k"))), (11, message((1, "empty"))))
    assert pod((1, labels)).metadata.labels == {"k": "v", "empty": ""}


def test_an_empty_string_is_the_default_that_json_leaves_out() -> None:
    assert pod((2, message((3, "")))).spec.restart_policy == "Always"
    assert pod((2, message((3, "Never")))).spec.restart_policy == "Never"


def test_absent_and_empty_are_told_apart_where_the_api_does() -> None:
    container = message((1, "app"), (10, b""))
    (found,) = pod((2, message((2, container)))).spec.containers
    assert found.liveness_probe is not None
    assert found.readiness_probe is None


def test_ports_are_numbers_or_names() -> None:
    def port(*value: tuple[int, bytes | str | int]) -> int | str:
        get = message((2, message(*value)))
        container = message((10, message((1, message((2, get))))))
        (found,) = pod((2, message((2, container)))).spec.containers
        assert found.liveness_probe is not None
        assert found.liveness_probe.http_get is not None
        return found.liveness_probe.http_get.port

    assert port((1, 0), (2, 8080), (3, "")) == 8080
    assert port((1, 1), (2, 0), (3, "http")) == "http"


def test_what_repeats_is_kept_once() -> None:
    labels = message(*((11, message((1, key), (2, "v"))) for key in ("a", "b")))
    owner = (13, message((1, "ReplicaSet"), (3, "web"), (4, "uid"), (6, 1)))
    one, two = (pod((1, message((1, name)) + labels + message(owner))) for name in ("one", "two"))
    assert one.metadata.labels is two.metadata.labels
    assert one.metadata.owner_references[0] is two.metadata.owner_references[0]
    assert one.metadata.owner_references[0].kind is two.metadata.owner_references[0].kind


WHOLE = listed("Pod", ["first", "second"], "token")
#: Only the two empty fields behind the list are missing then: contentEncoding and contentType.
HARMLESS = {len(WHOLE) - 2, len(WHOLE) - 4}


@pytest.mark.parametrize("length", [length for length in range(len(WHOLE)) if length not in HARMLESS])
def test_protobuf_cut_anywhere_is_an_error_and_never_a_shorter_list(length: int) -> None:
    with pytest.raises(Retryable, match="damaged"):
        list(protobuf_page(WHOLE[:length], PODS).items)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_an_error(noise: bytes) -> None:
    for body in (noise, wrapped("PodList", noise), wrapped("PodList", message((1, b""), (2, named("a") + noise)))):
        try:
            items = list(protobuf_page(body, PODS).items)
        except Retryable:
            continue
        assert all(isinstance(item, Pod) for item in items)
