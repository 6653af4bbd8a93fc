"""Each field of the structs of hubops.model.kube beside the protobuf field that carries it."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from hubops.model.kube.kinds import KINDS
from hubops.model.kube.meta import Kube
from tests.schema.upstream import PACKAGES, Field, Message

#: Protobuf fields that JSON writes inline: their own fields stand beside those of the message around them.
INLINE = {
    "k8s.io.api.core.v1.Probe": "handler",
    "k8s.io.api.core.v1.Volume": "volumeSource",
    "k8s.io.api.core.v1.PersistentVolumeSpec": "persistentVolumeSource",
    "k8s.io.api.core.v1.ConfigMapVolumeSource": "localObjectReference",
    "k8s.io.api.networking.v1.IngressRule": "ingressRuleValue",
    "k8s.io.api.admissionregistration.v1.RuleWithOperations": "rule",
}
TIMES = {"k8s.io.apimachinery.pkg.apis.meta.v1.Time", "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime"}
QUANTITY = "k8s.io.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "k8s.io.apimachinery.pkg.util.intstr.IntOrString"
SCALARS = {"string": str, "bool": bool, "int32": int, "int64": int}

Shape = Literal["scalar", "time", "int-or-string", "map", "quantities", "message"]


class Mismatch(Exception):
    """A field of a struct that Kubernetes does not have, or has with another type."""


@dataclass(frozen=True)
class Slot:
    """One attribute of a struct and where its value comes from: the last field of `path`."""

    attribute: str
    path: tuple[Field, ...]
    shape: Shape
    many: bool
    nullable: bool
    default: Any

    @property
    def source(self) -> Field:
        return self.path[-1]


@dataclass(frozen=True)
class Pair:
    """A struct and the protobuf message it is filled from."""

    struct: type[Kube]
    message: str
    slots: tuple[Slot, ...] = field(compare=False)

    @property
    def name(self) -> str:
        return self.message.rpartition(".")[2]


def pairs(upstream: Mapping[str, Message]) -> dict[str, Pair]:
    """Every struct that a kind reaches with its message, by the message's short name, those without needs first."""
    found: dict[str, Pair] = {}
    for kind in KINDS:
        _visit(kind.type, f"{PACKAGES[kind.api_version]}.{kind.name}", upstream, found)
    return found


def _visit(struct: type[Kube], message: str, upstream: Mapping[str, Message], found: dict[str, Pair]) -> None:
    pair = Pair(struct, message, tuple(_slots(struct, message, upstream)))
    known = found.get(pair.name)
    if known is not None and known != pair:
        raise Mismatch(f"{pair.name} is {known.struct} of {known.message} and {struct} of {message}: one name for two")
    for slot in pair.slots if known is None else ():
        if slot.shape == "message":
            _visit(_struct_of(struct, slot.attribute), slot.source.type, upstream, found)
    found.setdefault(pair.name, pair)


def _struct_of(struct: type[Kube], attribute: str) -> type[Kube]:
    kind = next(item.type for item in msgspec.structs.fields(struct) if item.name == attribute)
    inner = _unwrap(kind)[0]
    assert isinstance(inner, type)
    assert issubclass(inner, Kube)
    return inner


def _slots(struct: type[Kube], message: str, upstream: Mapping[str, Message]) -> Iterator[Slot]:
    for item in msgspec.structs.fields(struct):
        path = tuple(_path(message, item.encode_name, upstream))
        kind, many, nullable = _unwrap(item.type)
        shape = _shape(kind, many, path[-1], f"{struct.__name__}.{item.name}")
        default = item.default if item.default is not msgspec.NODEFAULT else item.default_factory()
        yield Slot(item.name, path, shape, many, nullable, default)


def _path(message: str, name: str, upstream: Mapping[str, Message]) -> Iterator[Field]:
    """The field that JSON calls *name*, after the inline one that it may be in."""
    fields = upstream[message]
    name = next((field for field in (name, name[:1].upper() + name[1:]) if field in fields), name)  # "Webhooks"
    if name not in fields:
        if message not in INLINE:
            raise Mismatch(f"{message} has no field {name}")
        inline = fields[INLINE[message]]
        yield inline
        yield from _path(inline.type, name, upstream)
        return
    yield fields[name]


def _unwrap(kind: Any) -> tuple[Any, bool, bool]:
    """The type of one value, whether there are many of them (a tuple), and whether it may be None."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union) and type(None) in arguments:
        rest = tuple(argument for argument in arguments if argument is not type(None))
        inner, many, _ = _unwrap(rest[0] if len(rest) == 1 else typing.Union[rest])  # noqa: UP007 - built at run time
        return inner, many, True
    if origin is tuple:
        return arguments[0], True, False
    return kind, False, False


def _shape(kind: Any, many: bool, source: Field, where: str) -> Shape:
    found: Shape | None = None
    if source.type in SCALARS and source.label != "map":
        found = "scalar" if kind is SCALARS[source.type] else None
    elif source.type in TIMES:
        found = "time" if kind is datetime else None
    elif source.type == INT_OR_STRING:
        found = "int-or-string" if set(typing.get_args(kind)) == {int, str} else None
    elif source.label == "map":
        known: dict[str, Shape] = {"string": "map", QUANTITY: "quantities"}
        found = known.get(source.type) if kind == dict[str, str] else None
    elif isinstance(kind, type) and issubclass(kind, Kube):
        found = "message"
    if found is None or many != (source.label == "repeated"):
        raise Mismatch(f"{where}: {kind} cannot hold the protobuf field {source}")
    return found
