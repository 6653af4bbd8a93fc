"""Lists of built-in kinds as JSON, for servers and proxies that do not serve protobuf: the same structs come out."""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from hubops.clients.kube.page import Page
from hubops.errors import Permanent, Retryable
from hubops.model.kube.kinds import Kind
from hubops.model.kube.meta import Kube, Object, ObjectMeta, is_kept
from hubops.model.text import inert

T = TypeVar("T")


class ListMeta(msgspec.Struct, frozen=True):
    token: str = msgspec.field(default="", name="continue")


class JsonList(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    """A list as the API writes it: null for an empty one."""

    kind: str
    api_version: str = ""
    metadata: ListMeta = ListMeta()
    items: list[T] | msgspec.UnsetType | None = msgspec.UNSET


def items_of(page: JsonList[T], plural: str) -> list[T]:
    """The items. Raises Retryable where there is not even a null for them: that is no empty list."""
    if page.items is msgspec.UNSET:
        raise Retryable(f"the API server's list of {plural} is damaged")
    return page.items or []


def json_page(body: bytes, kind: Kind) -> Page[Object]:
    """One page of a list. Raises Retryable for JSON that ends early or is another list, Permanent for other types."""
    page = decode_list(body, kind.type, f"{kind.name}List", kind.plural)
    items: list[Object] = items_of(page, kind.plural)
    for item in items:
        for meta in _metadata(item):
            _drop_annotations(meta.annotations)
    return Page(page.metadata.token, items, len(items))


def decode_list(body: bytes, item: Any, kind: str | None, plural: str) -> JsonList[Any]:
    """*body* as a list of *item*; *kind* is what it must call itself, None for any name that ends in List."""
    try:
        page = _decoder(item).decode(body)
    except msgspec.ValidationError:
        page = _without_nulls(body, item, plural)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Retryable(f"the API server's list of {plural} is damaged") from error
    if page.kind != (kind or page.kind) or not page.kind.endswith("List"):
        raise Retryable(f"the API server answered a {inert(page.kind, limit=60)} instead of a list of {plural}")
    return page


def _without_nulls(body: bytes, item: Any, plural: str) -> JsonList[Any]:
    """The API writes null for some empty lists and maps: read again as if they were left out."""
    try:
        document = msgspec.json.decode(body)
        return msgspec.convert({**_pruned(document), "items": _pruned(document["items"])}, JsonList[item])
    except (msgspec.ValidationError, RecursionError, KeyError, TypeError) as error:
        raise Permanent(
            f"the API server's list of {plural} is not as expected: {inert(str(error), limit=200)}"
        ) from error


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _pruned(inner) for key, inner in value.items() if inner is not None}
    return [_pruned(inner) for inner in value] if isinstance(value, list) else value


@cache
def _decoder(item: Any) -> msgspec.json.Decoder[JsonList[Any]]:
    return msgspec.json.Decoder(JsonList[item])


def _drop_annotations(annotations: dict[str, str]) -> None:
    for key in [key for key in annotations if not is_kept(key)]:
        del annotations[key]


def _metadata(item: Kube) -> list[ObjectMeta]:
    """Every metadata in *item*: its own and those of the templates in it."""
    found: list[ObjectMeta] = []
    for path in _metadata_paths(type(item)):
        value: Any = item
        for name in path:
            value = getattr(value, name)
        found.append(value)
    return found


@cache
def _metadata_paths(struct: type[Kube]) -> tuple[tuple[str, ...], ...]:
    paths: list[tuple[str, ...]] = []
    for field in msgspec.structs.fields(struct):
        if field.type is ObjectMeta:
            paths.append((field.name,))
        elif isinstance(field.type, type) and issubclass(field.type, Kube):
            paths += [(field.name, *rest) for rest in _metadata_paths(field.type)]
    return tuple(paths)
