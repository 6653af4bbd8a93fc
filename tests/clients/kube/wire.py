"""Kubernetes' protobuf written by hand, byte by byte: what the tests feed the decoder with."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.model.kube.kinds import Kind

MAGIC = b"k8s\0"
PROTOBUF = "application/vnd.kubernetes.protobuf"


def varint(number: int) -> bytes:
    """As protobuf writes numbers: seven bits a byte, the lowest first."""
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def message(*fields: tuple[int, bytes | str | int]) -> bytes:
    return b"".join(field(number, value) for number, value in fields)


def wrapped(kind: str, raw: bytes) -> bytes:
    """An answer's body: the magic bytes and runtime.Unknown around *raw*."""
    return MAGIC + message((1, message((1, "v1"), (2, kind))), (2, raw), (3, ""), (4, ""))


def named(name: str, namespace: str = "") -> bytes:
    """An object that has only a name: its metadata is field 1 of every kind."""
    return message((1, message((1, name), (3, namespace))))


def listed(kind: str, names: list[str], token: str = "") -> bytes:
    """A page of a list of *kind* with objects of these names."""
    return wrapped(f"{kind}List", message((1, message((3, token))), *((2, named(name)) for name in names)))


def fields(raw: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The fields of a message, by their numbers; only numbers and length-delimited ones, as Kubernetes' lists have."""
    at = 0
    while at < len(raw):
        tag, at = _number(raw, at)
        value, at = _number(raw, at)
        if tag & 7 == 2:
            yield tag >> 3, raw[at : at + value]
            at += value
        else:
            yield tag >> 3, value


def _number(raw: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = raw[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def registry_key(kind: Kind, namespace: str, name: str) -> str:
    """Where the API server keeps an object in etcd."""
    folder = {"nodes": "minions", "services": "services/specs", "ingresses": "ingress"}.get(kind.plural, kind.plural)
    return f"/registry/{folder}/{f'{namespace}/' if kind.namespaced else ''}{name}"
