"""What stands around protobuf from the API server: four magic bytes, then Unknown with the type and the raw message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from hubops.clients.kube.page import Page
from hubops.clients.kube.schema.kinds import DECODERS
from hubops.clients.kube.schema.values import message, text
from hubops.errors import Retryable
from hubops.model.kube.kinds import Kind
from hubops.model.kube.meta import Object

MAGIC = b"k8s\0"
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"

_Unknown: Any = message("Unknown")
_Status: Any = message("Status")
#: What decoding raises for bytes that are not the message they should be.
_DAMAGED = (DecodeError, ValueError, OverflowError, OSError)


def protobuf_page(body: bytes, kind: Kind) -> Page[Object]:
    """One page of a list; its objects are decoded as they are taken.

    Raises Retryable for bytes that are damaged, cut, or another list: never a part of one.
    """
    try:
        envelope = _opened(body, message(f"{kind.name}ListEnvelope"))
        if envelope.typeMeta.kind != f"{kind.name}List":
            raise ValueError(f"kind {envelope.typeMeta.kind!r}")
        page = envelope.raw
        if not page.HasField("metadata"):
            raise ValueError("cut off before the list")  # also an empty list has it
        token = text(getattr(page.metadata, "continue"))
    except _DAMAGED as error:
        raise damaged(kind) from error
    return Page(token, _objects(page, kind), len(page.items))


def _objects(page: Any, kind: Kind) -> Iterator[Object]:
    decode = DECODERS[kind.plural]
    try:
        yield from map(decode, page.items)
    except _DAMAGED as error:
        raise damaged(kind) from error


def damaged(kind: Kind) -> Retryable:
    return Retryable(f"the API server's list of {kind.plural} is damaged")


def status_message(body: bytes) -> str:
    """The message of a Status, the error object of the API; empty where there is none."""
    try:
        return text(_Status.FromString(_opened(body, _Unknown).raw).message)
    except _DAMAGED:
        return ""


def _opened(body: bytes, envelope: Any) -> Any:
    if not body.startswith(MAGIC):
        raise ValueError("not Kubernetes' protobuf")
    opened = envelope.FromString(memoryview(body)[len(MAGIC) :])
    if opened.contentEncoding:
        raise ValueError(f"content encoding {opened.contentEncoding!r}")
    return opened
