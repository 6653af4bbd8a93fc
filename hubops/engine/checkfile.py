"""One check file: read, converted and judged, with one sentence that names file and key for whatever is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from hubops.config import convert
from hubops.config.document import Loader
from hubops.engine.expressions import ExpressionError, compile_expression
from hubops.engine.fields import thresholds_read
from hubops.engine.parameters import ParameterError, arguments, meant, names_in
from hubops.engine.placeholders import names
from hubops.engine.probe import Probe
from hubops.engine.resources import evidence_of
from hubops.errors import ConfigError
from hubops.model.check import Check
from hubops.model.kube.kinds import BY_NAME

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DECIDERS = ("probe", "promql", "logql", "cel")
#: The keys that mean something for one way of deciding only.
_BELONGS = {
    "kind": ("cel",),
    "since": ("cel",),
    "ref": ("promql", "logql"),
    "depends_on": ("promql", "logql"),
    "example": ("promql", "logql"),
    "value": ("promql", "logql"),
    "examines": ("promql", "logql"),
    "lines": ("logql",),
    "summary": ("promql", "logql", "cel"),
}
_FIELD = re.compile(r"object(\.[A-Za-z_]\w*)+")


def read(path: Path, origin: str, probes: Mapping[str, Probe]) -> Check:
    """The check that *path* holds; *origin* is how messages name the file. Raises ConfigError."""
    data = _yaml(path, origin)
    if "origin" in data:
        raise ConfigError(f"{origin}: unknown key 'origin'")
    check = msgspec.structs.replace(convert(data, Check, origin), origin=origin)
    for problem in _problems(check, path.stem, probes):
        raise ConfigError(f"{origin}: {problem}")
    return check


def _yaml(path: Path, origin: str) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - it is a safe loader
    except OSError as error:
        raise ConfigError(f"{origin}: {error.strerror or error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or a date like 2026-13-01
        text = str(error).replace('in "<unicode string>", ', "at ")
        raise ConfigError(f"{origin}: not YAML: {' '.join(text.split())}") from error
    if not isinstance(data, dict):
        raise ConfigError(
            f"{origin}: a check is a mapping of keys, and this is {'empty' if data is None else 'not one'}"
        )
    return data


def _problems(check: Check, stem: str, probes: Mapping[str, Probe]) -> Iterator[str]:
    """What is wrong with *check*, in the order in which it should be mended; each part relies on those before."""
    if not _ID.fullmatch(check.id):
        yield f"id: {check.id!r} is not lower-case words joined by hyphens"
    if check.id != stem:
        yield f"id: {check.id!r} is not the name of the file; one of the two has to change"
    if not check.rounds:
        yield "rounds: at least one of daily, weekly, monthly"
    yield from _one_decider(check)
    yield from _kinds(check)
    yield from _RULES[next(key for key in _DECIDERS if getattr(check, key))](check, probes)
    yield from _summary(check)


def _one_decider(check: Check) -> Iterator[str]:
    given = [key for key in _DECIDERS if getattr(check, key)]
    if len(given) != 1:
        yield f"one of {', '.join(_DECIDERS)} has to decide, and this has {' and '.join(given) or 'none'}"
    for key, allowed in _BELONGS.items():
        if getattr(check, key) not in (None, ()) and given[0] not in allowed:
            yield f"{key}: belongs to {' and '.join(allowed)} checks, and this is a {given[0]} check"


def _kinds(check: Check) -> Iterator[str]:
    """A misspelt kind would never meet the findings of other checks, nor the object's own labels."""
    if check.examines and check.examines.of and check.examines.of not in BY_NAME:
        yield f"examines.of: unknown kind {check.examines.of!r}{meant(check.examines.of, BY_NAME)}"
    if check.cel and not check.kind:
        yield "kind is missing: the kind of object that the expression is evaluated for"
    if check.cel and check.kind and evidence_of(check.kind) is None:
        if check.kind == "Secret":
            yield "kind: hubops reads no Secrets"
        custom = "custom resources are written like certificates.cert-manager.io/v1"
        yield f"kind: unknown kind {check.kind!r} ({custom}){meant(check.kind, BY_NAME)}"


def _probe_rules(check: Check, probes: Mapping[str, Probe]) -> Iterator[str]:
    name = check.probe or ""
    if name not in probes:
        yield f"probe: there is no probe {name!r}{meant(name, probes)}"
        return
    try:
        arguments(probes[name], check.with_)
    except ParameterError as error:
        yield str(error)


def _query_rules(check: Check, _: Mapping[str, Probe]) -> Iterator[str]:
    texts = {"promql": check.promql, "logql": check.logql, "lines": check.lines}
    texts["examines.query"] = check.examines.query if check.examines else None
    for key, text in texts.items():
        for name in sorted(names_in(text) - check.with_.keys()):
            yield f"{key}: ${name} has no value under with{meant(name, check.with_)}"
    for name, value in check.with_.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            yield f"with.{name}: a query takes numbers and texts, not {value!r:.60}"
        used = any(name in names_in(text) for text in texts.values())
        if not used and f"with.{name}" not in names(check.summary or ""):
            yield f"with.{name}: nothing in this check uses ${name}"


def _cel_rules(check: Check, _: Mapping[str, Probe]) -> Iterator[str]:
    for key, source in (("cel", check.cel), ("since", check.since)):
        try:
            compile_expression(source or "true")
        except ExpressionError as error:
            yield f"{key}: {error}"
        for name in sorted(thresholds_read(source or "") - check.with_.keys()):
            yield f"{key}: with.{name} has no value under with{meant(name, check.with_)}"


_RULES: Mapping[str, Callable[[Check, Mapping[str, Probe]], Iterator[str]]] = {
    "probe": _probe_rules,
    "promql": _query_rules,
    "logql": _query_rules,
    "cel": _cel_rules,
}


def _summary(check: Check) -> Iterator[str]:
    """Placeholders that can never be filled."""
    known = {"ref", "name", "namespace", *(f"with.{name}" for name in check.with_)}
    known |= set() if check.cel else {"value"}
    for name in names(check.summary or ""):
        free = _FIELD.fullmatch(name) if check.cel else name.startswith("labels.")
        if name not in known and not free:
            hint = "{object.<field>}" if check.cel else "{labels.<name>}"
            yield f"summary: there is no {{{name}}} ({hint} is possible){meant(name, known)}"
