"""What the generated decoders are made of: strings, times, maps; what repeats is decoded once and kept once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from sys import intern
from typing import Any, TypeVar

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from hubops.model.kube.meta import is_kept

T = TypeVar("T")

#: How many different contents of one message or map are remembered: what belongs together is listed together, so few
#: are needed, and what is no longer remembered is only decoded again.
REMEMBERED = 4096
Entries = tuple[bytes, ...]


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    compiled = FileDescriptorSet.FromString((files(__package__) / "trimmed.binpb").read_bytes())
    for file in compiled.file:
        pool.Add(file)
    return pool


_POOL = _pool()


def message(name: str) -> type[Message]:
    """The class of a message of trimmed.proto."""
    return GetMessageClass(_POOL.FindMessageTypeByName(f"hubops.kube.{name}"))


_Time: Any = message("Time")
_StringEntry: Any = message("StringEntry")
_QuantityEntry: Any = message("QuantityEntry")


def remembered(decode: Callable[[Any], T]) -> Callable[[Any], T]:
    """*decode* that returns the same struct for the same bytes."""
    return lru_cache(maxsize=REMEMBERED)(decode)


def text(value: str | bytes) -> str:
    """A string, kept once however often it comes.

    protobuf hands out bytes where they are not UTF-8: a termination message may hold anything. As in the API's JSON,
    what is wrong becomes U+FFFD.
    """
    return intern(value if isinstance(value, str) else value.decode("utf-8", "replace"))


@remembered
def moment(raw: bytes) -> datetime | None:
    """A Time or MicroTime; None for the zero time, which is sent empty."""
    if not raw:
        return None
    time = _Time.FromString(raw)
    return datetime.fromtimestamp(time.seconds, UTC).replace(microsecond=time.nanos // 1000)


def int_or_string(value: Any) -> int | str:
    number: int = value.intVal
    return number if value.type == 0 else text(value.strVal)


@remembered
def string_map(entries: Entries) -> dict[str, str]:
    decoded = map(_StringEntry.FromString, entries)
    return {text(entry.key): text(entry.value) for entry in decoded}


def kept_annotations(entries: Entries) -> dict[str, str]:
    """Only the annotations that hubops reads; see KEPT_ANNOTATIONS."""
    return string_map(tuple(entry for entry in entries if is_kept(_key(entry)))) if entries else {}


@remembered
def quantity_map(entries: Entries) -> dict[str, str]:
    decoded = map(_QuantityEntry.FromString, entries)
    return {text(entry.key): text(entry.value.string) for entry in decoded}


def _key(entry: bytes) -> str:
    return text(_StringEntry.FromString(entry).key)
