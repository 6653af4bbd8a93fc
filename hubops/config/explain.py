"""What is wrong with a setting, in the words of the file: its key, and what to write instead.

No value is repeated but a short word that stands for a choice: a secret may stand where another value belongs.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from hubops.config.platform import SecretRef
from hubops.model.text import redact

_EXPECTED = re.compile(r"Expected `(?P<kinds>[^`]+)`(?:, got `(?P<got>\w+)`)?(?: (?P<bound>[<>]=? \S+))?")
_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list, [VALUE, VALUE]",
    "object": "a section of keys and their values",
}
_GOT = {
    "null": "it is empty",
    "array": "it is a list",
    "object": "it is a section of keys",
    "str": "it is text",
    "int": "YAML takes it for a number",
    "float": "YAML takes it for a number",
    "bool": "YAML takes true, yes, on, false, no and off for a boolean",
    "date": "YAML takes it for a date",
    "datetime": "it is a date",
}


def explain(error: msgspec.ValidationError, data: object, into: type, prefix: str, convert: Callable[..., Any]) -> str:
    """*error*, with which *data* was refused as *into*; *prefix* is the path of *data* within its file."""
    message, where, of_key = str(error), "", False
    if match := re.search(r" - at (`key` in )?`(?:key in )?\$\.?(.*?)`$", message):
        message, of_key, where = message[: match.start()], bool(match[1]), match[2]
    path = ".".join(part for part in (prefix, _found(data, into, where, convert)) if part)
    if match := re.match(r"Object contains unknown field `(.+)`", message):
        return _unknown(path, match[1], keys_at(into, where))
    if match := re.match(r"Object missing required field `(.+)`", message):
        return f"key '{_under(path, match[1])}' is missing"
    if match := re.match(r"Invalid enum value '?(.+?)'?$", message):
        allowed = _allowed(into, where)
        if of_key:
            return _unknown(path, match[1], allowed)
        return f"{path}: {_shown(match[1], quote=True)} is not one of {', '.join(allowed)}"
    if message.startswith("Expected `object") and struct_in(_type_at(into, where)) is SecretRef:
        return f"{path}: a secret is never written here; name the Secret that holds it: {{secret: NAME, key: KEY}}"
    return f"{path or 'top level'}: {_in_words(message)}"


def keys_at(into: type, where: str) -> list[str]:
    """The keys that are known at the path *where* ("checks[...].with") of the structure *into*."""
    current = struct_in(_type_at(into, where))
    return [field.encode_name for field in msgspec.structs.fields(current)] if current is not None else []


def takes_text(into: type, where: str) -> bool:
    """Whether what stands at the path *where* of *into* may be text."""
    annotation = _type_at(into, where)
    return annotation is str or (get_origin(annotation) in (Union, UnionType) and str in get_args(annotation))


def _in_words(message: str) -> str:
    match = _EXPECTED.match(message)
    if not match:
        return f"{message[:1].lower()}{message[1:]}"
    kinds = [_KINDS.get(kind, kind) for kind in match["kinds"].split(" | ") if kind != "null"]
    bound = {">": " or more", "<": " or less"}.get((match["bound"] or " ")[0], "")
    wanted = " or ".join(kinds) + (f", {(match['bound'] or '').split()[-1]}{bound}" if bound else "")
    got = match["got"] or ""
    why = f"; {_GOT.get(got, f'it is {got}')}" if got else ""
    quoted = ": write it in quotes" if "text" in kinds and got in ("int", "float", "bool", "date") else ""
    return f"must be {wanted}{quoted}{why}"


def _unknown(path: str, key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key.replace("_", "-"), known, n=1) or difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else f"; known keys: {', '.join(sorted(known))}" if known else ""
    return f"unknown key '{_under(path, _shown(key))}'{hint}"


def _under(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _shown(word: str, *, quote: bool = False) -> str:
    """*word* where it can be a slip of the pen, and an ellipsis where it can be anything."""
    plain = re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", word) and redact(word) == word
    return (f"'{word}'" if quote else word) if plain else "…"


def _found(data: object, into: Any, where: str, convert: Callable[..., Any]) -> str:
    """The path *where* with the names of those keys that msgspec leaves out, written "[...]"."""
    for path, value, annotation in _candidates(data, into, re.findall(r"\[\.\.\.\]|\[\d+\]|[^.\[\]]+", where), ""):
        try:
            convert(value, annotation)
        except msgspec.ValidationError:
            return path
    return where


def _candidates(data: Any, into: Any, parts: list[str], path: str) -> Iterator[tuple[str, Any, Any]]:
    if not parts:
        yield path, data, into
        return
    first, *rest = parts
    if first == "[...]" and isinstance(data, dict):
        for key, value in data.items():
            yield from _candidates(value, _item(into), rest, f"{path}.{_shown(str(key))}".lstrip("."))
    elif first.startswith("[") and isinstance(data, (list, tuple)):
        for index, value in enumerate(data):
            if first in ("[...]", f"[{index}]"):
                yield from _candidates(value, _item(into), rest, f"{path}[{index}]")
    elif isinstance(data, dict) and first in data:
        yield from _candidates(data[first], _type_at(into, first), rest, f"{path}.{first}".lstrip("."))


def _item(annotation: Any) -> Any:
    """What a collection holds: X of dict[str, X], tuple[X, ...] and of either or None."""
    for each in (annotation, *get_args(annotation)):
        if get_origin(each) in (tuple, list):
            return get_args(each)[0]
        if get_origin(each) in (dict, Mapping):
            return get_args(each)[1]
    return Any


def _allowed(into: type, where: str) -> list[str]:
    """The values of the Literal at the path *where* of the structure *into*."""
    pending, found = [_type_at(into, where)], []
    while pending:
        annotation = pending.pop()
        found += [annotation] if isinstance(annotation, str) else []
        pending += reversed(getattr(annotation, "__args__", ()))
    return found


def _type_at(into: Any, where: str) -> Any:
    """The annotation at the path *where*, which may be a collection of what is meant."""
    for part in re.findall(r"[^.\[\]]+", where):
        current = struct_in(into)
        if current is not None and not re.fullmatch(r"\.\.\.|\d+", part):
            into = {field.encode_name: field.type for field in msgspec.structs.fields(current)}.get(part)
    return into


def struct_in(annotation: Any) -> type[msgspec.Struct] | None:
    """The struct that *annotation* is, or holds: X, X | None, tuple[X, ...], dict[str, X]."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    found = (struct_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((struct for struct in found if struct is not None), None)
