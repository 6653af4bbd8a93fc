"""Makes a testbed keep its objects in etcd as every real cluster does: as protobuf.

The static state is put there as JSON, which the API server reads but does not write by itself. The pages of a list
come out of etcd, and decoding JSON for them costs the server eight times what protobuf does: nothing that is measured
then says anything about a real cluster.
"""

from __future__ import annotations

from collections.abc import Iterator

from hubops.clients.kube.envelope import MAGIC, MEDIA_TYPE
from hubops.model.kube.kinds import KINDS, Kind
from tests.clients.kube.wire import fields, message, registry_key
from tests.testbed.bed import Testbed
from tests.testbed.etcd import encode

_BATCH = 50


def store_as_protobuf(bed: Testbed) -> None:
    """Write every object of the kinds that hubops reads again, as the API server itself encodes it."""
    for kind in KINDS:
        puts = [
            {"request_put": {"key": encode(key.encode()), "value": encode(value)}} for key, value in _entries(bed, kind)
        ]
        for start in range(0, len(puts), _BATCH):
            bed.store.call("txn", {"success": puts[start : start + _BATCH]})


def _entries(bed: Testbed, kind: Kind) -> Iterator[tuple[str, bytes]]:
    answer = bed.api.session.get(bed.server + kind.path, headers={"Accept": MEDIA_TYPE}, timeout=120)
    raw = _only(answer.content.removeprefix(MAGIC), 2)
    for number, item in fields(raw):
        if number == 2 and isinstance(item, bytes):
            metadata = dict(fields(_only(item, 1)))
            name, namespace = (str(metadata.get(each, b""), "utf-8") for each in (1, 3))  # type: ignore[arg-type]
            kept = message((1, message((1, kind.api_version), (2, kind.name))), (2, item), (3, ""), (4, ""))
            yield registry_key(kind, namespace, name), MAGIC + kept


def _only(raw: bytes, number: int) -> bytes:
    """The field *number* of the message *raw*."""
    value = dict(fields(raw))[number]
    assert isinstance(value, bytes)
    return value
