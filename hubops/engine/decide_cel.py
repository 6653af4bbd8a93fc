"""Checks that a CEL expression decides, object by object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hubops.engine.decision import Decision
from hubops.engine.expressions import Expression, ExpressionError, Scope, compile_expression
from hubops.engine.parameters import ParameterSet
from hubops.engine.placeholders import fill
from hubops.engine.resources import evidence_of, version_of
from hubops.engine.view import View
from hubops.model.check import Check
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.kinds import BY_NAME

#: Fields that the expression reads, as evidence of one hit.
_FIELDS = 4

Item = Mapping[str, Any]


def decide(view: View, check: Check, sets: Sequence[ParameterSet]) -> Decision:
    """The objects of which the expression is true. One for which it fails is undecided, and says why."""
    kind = check.kind or ""
    items = view.snapshot.custom.get(evidence_of(kind) or "", ())
    expression = compile_expression(check.cel or "")
    since = compile_expression(check.since) if check.since else None
    hits: list[Hit] = []
    problems: dict[str, list[Ref]] = defaultdict(list)
    for one in sets:
        scope = Scope(view.now, one.values)
        for item in items:
            ref = _ref(kind, item)
            if not one.judges(ref):
                continue
            try:
                _same_version(kind, item)
                if scope.holds(expression, item):
                    hits.append(_hit(view, check, one, scope, expression, since, item, ref))
            except ExpressionError as error:
                problems[str(error)].append(ref)
    said = tuple(f"{check.origin}: cel: {problem}{_where(refs)}" for problem, refs in problems.items())
    return Decision(hits=tuple(hits), examined=len(items), problems=said)


def _where(refs: Sequence[Ref]) -> str:
    """What an expression fails for; what is wrong with the expression itself fails for hundreds."""
    return f" ({refs[0]}{f' and {len(refs) - 1} more' if refs[1:] else ''})"


def _ref(kind: str, item: Item) -> Ref:
    meta = item.get("metadata", {})
    name = kind if kind in BY_NAME else str(item.get("kind") or kind.partition("/")[0])
    return Ref(name, str(meta.get("name", "")), meta.get("namespace") or None)


def _same_version(kind: str, item: Item) -> None:
    """An expression written for one version of an API must not judge the fields of another."""
    wanted, found = version_of(kind), item.get("apiVersion")
    if wanted and found and found != wanted:
        raise ExpressionError(f"served as {found}, and the check is written for {wanted}")


def _hit(
    view: View,
    check: Check,
    one: ParameterSet,
    scope: Scope,
    expression: Expression,
    since: Expression | None,
    item: Item,
    ref: Ref,
) -> Hit:
    about = view.owner_of(ref)

    def lookup(name: str) -> str | None:
        own = {"ref": str(about), "name": about.name, "namespace": about.namespace or ""}
        kind, _, path = name.partition(".")
        if kind == "with":
            return str(one.values[path])
        return _text(_field(item, path)) if kind == "object" else own.get(name)

    return Hit(
        ref=ref,
        summary=fill(check.summary or check.title, lookup),
        evidence=_evidence(expression, item),
        since=_since(scope, since, item),
    )


def _evidence(expression: Expression, item: Item) -> tuple[Evidence, ...]:
    """The fields that the expression looked at, as they are; a list as a whole, of what was read of it."""
    found = (_shown(item, path) for path in sorted(expression.paths) if not path.startswith("metadata.name"))
    said = dict.fromkeys(text for text in found if text is not None)
    return tuple(Evidence("object", text) for text in [*said][:_FIELDS])


def _shown(item: Item, path: str) -> str | None:
    parts = path.split(".")
    for depth in range(1, len(parts) + 1):
        value = _field(item, ".".join(parts[:depth]))
        if isinstance(value, list) or depth == len(parts):
            text = _text(value)
            return None if text is None else f"{'.'.join(parts[:depth])}: {text}"
    return None


def _since(scope: Scope, since: Expression | None, item: Item) -> datetime | None:
    """When it began; None where the object does not say: that only enriches the finding."""
    if since is None:
        return None
    try:
        value = scope.evaluate(since, item)
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:  # ExpressionError is one
        return None
    if not isinstance(found, datetime):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _field(item: Item, path: str) -> Any:
    """The value at *path*, None where the object has none."""
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
