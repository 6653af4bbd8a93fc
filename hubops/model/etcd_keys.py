"""The keys of the API server in etcd: whose object each one holds, and what its value says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

#: Where the API server stores a resource under another name than its own (its default storage factory).
_STORED_AS = {
    "minions": "nodes",
    "services/specs": "services",
    "services/endpoints": "endpoints",
    "ingress": "ingresses",
    "controllers": "replicationcontrollers",
    "podsecuritypolicy": "podsecuritypolicies",
}
#: Of a key that is none of the API server's.
OTHER = "(other keys)"
_PROTOBUF = b"k8s\0"
_ENCRYPTED = b"k8s:enc:"


class Entry(msgspec.Struct, frozen=True):
    """A key of etcd with its value; revisions are etcd's own."""

    key: bytes
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0
    version: int = 0


class Name(NamedTuple):
    """The object of a key; `resource` is "deployments", or "certificates.cert-manager.io" of a custom resource."""

    resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return " ".join((self.resource, f"{self.namespace}/{self.name}" if self.namespace else self.name))


class Held(NamedTuple):
    """What a value says that it is."""

    api_version: str
    kind: str
    namespace: str
    name: str


class Names:
    """Names the keys of an API server whose --etcd-prefix is *prefix*."""

    def __init__(self, prefix: str) -> None:
        self._prefix = "/" + prefix.strip("/") + "/"

    def of(self, key: bytes) -> Name:
        """The object of *key*."""
        text = key.decode("utf-8", "backslashreplace")
        if not text.startswith(self._prefix):
            return Name(OTHER, "", text)
        first, *rest = text.removeprefix(self._prefix).split("/")
        if not rest:
            return Name(OTHER, "", text)
        if "." in first and len(rest) > 1:
            resource, rest = f"{rest[0]}.{first}", rest[1:]
        elif f"{first}/{rest[0]}" in _STORED_AS and len(rest) > 1:
            resource, rest = _STORED_AS[f"{first}/{rest[0]}"], rest[1:]
        else:
            resource = _STORED_AS.get(first, first)
        return Name(resource, "/".join(rest[:-1]), rest[-1])


def is_encrypted(value: bytes) -> bool:
    """Whether the API server encrypted *value* (--encryption-provider-config)."""
    return value.startswith(_ENCRYPTED)


def held(value: bytes) -> Held | None:
    """What object *value* holds; None for what is none, or cannot be read without a key."""
    if is_encrypted(value):
        return None
    try:
        return _of_protobuf(value) if value.startswith(_PROTOBUF) else _of_json(value)
    except (ValueError, LookupError, msgspec.DecodeError):
        return None


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Object(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    metadata: _Metadata = _Metadata()


def _of_json(value: bytes) -> Held:
    found = msgspec.json.decode(value, type=_Object)
    return Held(found.api_version, found.kind, found.metadata.namespace, found.metadata.name)


def _of_protobuf(value: bytes) -> Held:
    """By the fields of runtime.Unknown: 1 is its TypeMeta (1 apiVersion, 2 kind), 2 the object, whose 1 is its
    ObjectMeta (1 name, 3 namespace).
    """
    envelope = dict(_fields(memoryview(value)[len(_PROTOBUF) :]))
    kind = dict(_fields(envelope.get(1, memoryview(b""))))
    metadata = dict(
        _fields(next((content for number, content in _fields(envelope[2]) if number == 1), memoryview(b"")))
    )
    if not kind.get(2):
        raise ValueError("no kind")
    api_version, said, namespace, name = (
        bytes(each).decode() for each in (kind.get(1, b""), kind[2], metadata.get(3, b""), metadata.get(1, b""))
    )
    return Held(api_version, said, namespace, name)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message of protobuf that have a length, by number. Raises ValueError or IndexError if cut."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == 0:
            _, at = _varint(message, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 2:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("cut off")
            yield tag >> 3, message[at : at + size]
            at += size
        else:
            raise ValueError(f"wire type {wire}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number, and where what follows it begins."""
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("no varint")
