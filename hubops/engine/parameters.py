"""Thresholds: from `with:` and hubops.yaml to keyword arguments, to `$name` in queries, and to `with.name` in CEL."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from hubops.config import CheckSettings
from hubops.engine.probe import Probe, ProbeFunction
from hubops.model.check import Check
from hubops.model.finding import Ref
from hubops.model.quantity import parse_duration

_NAME = re.compile(r"\$([A-Za-z_]\w*)")


class ParameterError(ValueError):
    """The threshold *name* cannot be used because of *problem*."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"with.{name}: {problem}")
        self.name = name
        self.problem = problem


@dataclass(frozen=True, kw_only=True)
class ParameterSet:
    """One set of thresholds and the namespaces that it judges: `only` these, or all `but` those."""

    values: Mapping[str, Any]
    only: frozenset[str] | None = None
    but: frozenset[str] = frozenset()

    def judges(self, ref: Ref) -> bool:
        """Whether these are the thresholds for *ref*. What has no namespace is judged by the check's own."""
        namespace = ref.name if ref.kind == "Namespace" else ref.namespace
        return namespace in self.only if self.only is not None else namespace not in self.but


def parameter_sets(check: Check, settings: CheckSettings | None) -> tuple[ParameterSet, ...]:
    """The distinct sets of thresholds of *check*: its own with the site's over them, then those of namespaces."""
    settings = settings or CheckSettings()
    base = {**check.with_, **settings.with_}
    grouped: list[tuple[dict[str, Any], set[str]]] = []
    for namespace, values in settings.namespaces.items():
        merged = {**base, **values}
        if merged == base:
            continue
        for known, namespaces in grouped:
            if known == merged:
                namespaces.add(namespace)
                break
        else:
            grouped.append((merged, {namespace}))
    others = frozenset(namespace for _, namespaces in grouped for namespace in namespaces)
    own = ParameterSet(values=base, but=others)
    return (own, *(ParameterSet(values=values, only=frozenset(names)) for values, names in grouped))


def names_in(query: str | None) -> frozenset[str]:
    """The names of the thresholds that *query* asks for."""
    return frozenset(_NAME.findall(query or ""))


def render(query: str, values: Mapping[str, Any]) -> str:
    """*query* with every `$name` replaced by its threshold."""
    return _NAME.sub(lambda match: str(values.get(match.group(1), match.group())), query)


def arguments(probe: Probe, values: Mapping[str, Any]) -> dict[str, Any]:
    """*values* as keyword arguments of *probe*. Raises ParameterError for a missing, unknown or unusable one."""
    known = _signature(probe.function)
    for name in values:
        if name not in known:
            raise ParameterError(name, f"probe {probe.name} takes no such parameter{meant(name, known)}")
    for name, (_, required) in known.items():
        if required and name not in values:
            raise ParameterError(name, f"is missing, and probe {probe.name} needs it")
    return {name: _converted(name, value, known[name][0]) for name, value in values.items()}


def same_kind(name: str, value: object, default: object) -> None:
    """Raise ParameterError unless *value* may stand where a query has *default*: a number for a number, and so on."""
    if _word(value) != _word(default):
        raise ParameterError(name, f"expected {_word(default)} such as {default!r}, got {value!r:.60}")


#: Characters of a list of names.
_READABLE = 300


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown *name*: what was probably meant, or what there is if that is short."""
    known = sorted(known)
    if close := difflib.get_close_matches(name, known, n=1):
        return f"; did you mean '{close[0]}'?"
    listed = ", ".join(known)
    return f"; known: {listed}" if 0 < len(listed) < _READABLE else ""


@lru_cache(maxsize=256)
def _signature(function: ProbeFunction) -> dict[str, tuple[Any, bool]]:
    """The keyword parameters of a probe's *function*: their type, and whether they must be given."""
    hints = get_type_hints(function)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return {item.name: (hints[item.name], item.default is item.empty) for item in parameters}


def _converted(name: str, value: object, kind: Any) -> Any:
    try:
        if kind is timedelta:
            return parse_duration(str(value))
        if get_origin(kind) is tuple and get_args(kind)[0] is timedelta and isinstance(value, list):
            return tuple(parse_duration(str(item)) for item in value)
        return msgspec.convert(value, kind)
    except ValueError as error:  # msgspec.ValidationError is one
        raise ParameterError(name, f"{str(error)[:1].lower()}{str(error)[1:]}".replace("`", "")) from error


def _word(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            try:
                parse_duration(value)
            except ValueError:
                return "a text"
            return "a duration"
        case list():
            return "a list"
    return "a mapping"
