"""All keys of a real etcd, in pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hubops.clients.etcd import Compacted, Etcdctl
from hubops.clients.etcd_keys import AllKeys, Endpoint, newest
from hubops.clients.retry import Deadline
from hubops.config.backup import EtcdBackupConfig
from hubops.errors import Permanent, Retryable
from tests.testbed import build
from tests.testbed.etcd import Etcd, encode
from tests.testbed.etcd_cluster import EtcdCluster

_COUNT = 1400  # more than the first two pages have


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    cluster = EtcdCluster.start(tmp_path_factory.mktemp("keys") / "etcd")
    cluster.client().put((f"/registry/configmaps/a/{number:04}", {"number": number}) for number in range(_COUNT))
    yield cluster
    cluster.end()


@pytest.fixture(scope="module")
def endpoint(cluster: EtcdCluster) -> Endpoint:
    return _endpoint(cluster)


def _endpoint(cluster: EtcdCluster) -> Endpoint:
    access = cluster.access
    config = EtcdBackupConfig(
        endpoints=(access.endpoint,), ca_file=str(access.ca), cert_file=str(access.cert), key_file=str(access.key)
    )
    return Endpoint(Etcdctl(config, environ={"PATH": build.search_path("etcd-tools")}), access.endpoint)


def _put(etcd: Etcd, key: bytes, value: bytes) -> int:
    """The revision of the new version."""
    answer = etcd.call("put", {"key": encode(key), "value": encode(value)})
    return int(answer["header"]["revision"])


def test_every_key_comes_once_in_order_with_its_value_and_revisions(cluster: EtcdCluster, endpoint: Endpoint) -> None:
    deadline = Deadline(60)
    entries = list(AllKeys(endpoint, newest(endpoint, deadline).revision, deadline))
    mine = [each for each in entries if each.key.startswith(b"/registry/configmaps/")]
    assert [each.key for each in mine] == [b"/registry/configmaps/a/%04d" % number for number in range(_COUNT)]
    assert mine[5].value == b'{"number": 5}'
    assert all(each.create_revision == each.mod_revision and each.version == 1 for each in mine)


def test_keys_are_those_of_the_revision_whatever_was_written_since(cluster: EtcdCluster, endpoint: Endpoint) -> None:
    etcd, deadline = cluster.client(), Deadline(60)
    # No text, and what a shell or a flag would take for something else.
    keys = [b"--rev=1", b"\xff\xfe", b"with space"]
    at = [_put(etcd, key, b"old") for key in keys][-1]
    for key in keys:
        _put(etcd, key, b"new")
    found = {each.key: each.value for each in AllKeys(endpoint, at, deadline)}
    assert {key: found[key] for key in keys} == dict.fromkeys(keys, b"old")


def test_what_is_compacted_meanwhile_is_read_on_at_the_newest_revision(
    cluster: EtcdCluster, endpoint: Endpoint
) -> None:
    etcd, deadline = cluster.client(), Deadline(60)
    at = newest(endpoint, deadline).revision
    keys = AllKeys(endpoint, at, deadline)
    reading = iter(keys)
    first = next(reading)
    now = _put(etcd, b"/registry/zz", b"")
    etcd.call("compaction", {"revision": now})
    rest = [each.key for each in reading]
    assert keys.revision >= now > at
    assert first.key not in rest
    assert rest == sorted(rest)
    assert rest[-1:] == [b"\xff\xfe"]
    assert b"/registry/zz" in rest
    with pytest.raises(Compacted):
        endpoint.etcdctl.get(endpoint.url, "", "--from-key", "--rev", str(at), timeout=10)


def test_a_revision_that_is_still_to_come_may_come(endpoint: Endpoint) -> None:
    with pytest.raises(Retryable, match="future revision"):
        endpoint.etcdctl.get(endpoint.url, "", "--from-key", "--rev", str(10**9), timeout=10)


def test_a_key_that_no_program_can_be_asked_for_is_said(cluster: EtcdCluster, endpoint: Endpoint) -> None:
    etcd, deadline = cluster.client(), Deadline(60)
    key = b"/registry/a\0b"
    at = _put(etcd, key, b"")
    try:
        assert key in {each.key for each in AllKeys(endpoint, at, deadline)}
        with pytest.raises(Permanent, match="cannot be asked for"):
            AllKeys(endpoint, at, deadline)._page(key, at)
    finally:
        etcd.call("deleterange", {"key": encode(key)})
