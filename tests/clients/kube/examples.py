"""Objects that fill every field that hubops reads, made from the plan of the schema."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from hubops.model.kube.kinds import Kind
from hubops.model.kube.meta import Kube
from tests.clients.kube.wire import registry_key
from tests.schema.plan import Pair, Slot


class Maker:
    """Makes objects as JSON; each field that may be left out is there with the probability *filled*."""

    def __init__(self, pairs: Mapping[str, Pair], filled: float, seed: int) -> None:
        self._pairs = pairs
        self._filled = filled
        self._random = random.Random(seed)
        self._number = 0

    def stored(self, kind: Kind, name: str) -> tuple[str, dict[str, Any]]:
        """An object of *kind* called *name*, and the key under which etcd holds it."""
        body = self._message(self._pairs[kind.name])
        body |= {"apiVersion": kind.api_version, "kind": kind.name}
        body["metadata"] = body.get("metadata", {}) | {"name": name, "uid": f"uid-{kind.plural}-{name}"}
        body["metadata"].pop("namespace", None)
        if kind.namespaced:
            body["metadata"]["namespace"] = "examples"
        if kind.plural == "events":
            body["type"] = "Warning"
        return registry_key(kind, "examples", name), body

    def _message(self, pair: Pair) -> dict[str, Any]:
        names = {field.name: field.encode_name for field in msgspec.structs.fields(pair.struct)}
        wanted = [slot for slot in pair.slots if self._random.random() < self._filled]
        return {names[slot.attribute]: self._value(slot) for slot in wanted}

    def _value(self, slot: Slot) -> Any:
        if slot.many:
            return [self._one(slot) for _ in range(self._random.randint(1, 2))]
        return self._one(slot)

    def _one(self, slot: Slot) -> Any:
        self._number += 1
        match slot.shape, slot.source.type:
            case "message", full_name:
                return self._message(self._pairs[full_name.rpartition(".")[2]])
            case "map", _:
                return {f"hubops.io/{slot.attribute}": f"ü {self._number}", f"other.io/{self._number}": "x"}
            case "quantities", _:
                return {"cpu": f"{self._number}m", "memory": "1536Mi"}
            case "int-or-string", _:
                return self._random.choice([self._number, f"{self._number}%"])
            case "time", full_name:
                return self._time(full_name.endswith("MicroTime"))
            case _, "bool":
                return True
            case _, "string":
                return f"{slot.attribute} {self._number} é\n"
            case _:
                return self._number

    def _time(self, micro: bool) -> str:
        at = datetime.fromtimestamp(1_700_000_000 + self._number, UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{self._number:06}Z" if micro else "Z")


def unset(value: Kube, where: str) -> Iterator[str]:
    """The fields of *value*, and of all structs in it, that hold no more than their default."""
    for field in msgspec.structs.fields(value):
        held = getattr(value, field.name)
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        if held == default:
            yield f"{where}.{field.encode_name}"
        for item in held if isinstance(held, tuple) else (held,):
            if isinstance(item, Kube):
                yield from unset(item, f"{where}.{field.encode_name}")
