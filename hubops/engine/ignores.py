"""What somebody asked not to see: by hubops.yaml, or by an annotation on the object, its owner or its namespace.

Nothing is hidden silently: each ignored finding is counted with its reason, and an ignore that has run out is itself
reported, as the built-in check `ignore-expired`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from fnmatch import fnmatchcase, translate

from hubops.config import Ignore
from hubops.engine.decision import Decision
from hubops.engine.view import View
from hubops.model.check import Check
from hubops.model.finding import Evidence, Hit, Ref

ANNOTATION = "hubops.io/ignore"

#: It looks at hubops.yaml and not at the cluster, so no file could say what decides it.
IGNORE_EXPIRED = Check(
    id="ignore-expired",
    title="An ignore has run out",
    rounds=("daily", "weekly", "monthly"),
    severity="info",
    origin="hubops",
)

_Matcher = Callable[[Ref], bool]


class Ignores:
    """Answers why a hit is not to be seen."""

    def __init__(self, view: View, rules: tuple[Ignore, ...]) -> None:
        self._view = view
        self._rules = [rule for rule in rules if not expired(rule, view.now.date())]
        self._of_check: dict[str, list[tuple[str, _Matcher]]] = {}
        self._annotated: dict[Ref, frozenset[str]] = {}

    def reason(self, check: str, ref: Ref, owner: Ref) -> str | None:
        """Why hits of *check* on *ref*, which belongs to *owner*, are ignored; None when they are not."""
        for reason, matches in self._rules_for(check):
            if matches(ref) or matches(owner):
                return reason
        for where in self._places(ref, owner):
            if any(fnmatchcase(check, pattern) for pattern in self._ids(where)):
                return f"annotation {ANNOTATION} on {where}"
        return None

    def _rules_for(self, check: str) -> list[tuple[str, _Matcher]]:
        """Reason and matcher of every rule that is about *check*."""
        if check not in self._of_check:
            about = [rule for rule in self._rules if fnmatchcase(check, rule.check)]
            self._of_check[check] = [(rule.reason, _matcher(rule)) for rule in about]
        return self._of_check[check]

    @staticmethod
    def _places(ref: Ref, owner: Ref) -> Iterator[Ref]:
        yield ref
        if owner != ref:
            yield owner
        for namespace in dict.fromkeys((ref.namespace, owner.namespace)):
            if namespace:
                yield Ref("Namespace", namespace)

    def _ids(self, ref: Ref) -> frozenset[str]:
        """The ids in the annotation of the object *ref*."""
        if ref not in self._annotated:
            meta = self._view.metadata(ref)
            written = meta.annotations.get(ANNOTATION, "") if meta else ""
            self._annotated[ref] = frozenset(part.strip() for part in written.split(",") if part.strip())
        return self._annotated[ref]


def expired(rule: Ignore, today: date) -> bool:
    """Whether *rule* no longer holds: `until` is its last day, by UTC."""
    return rule.until is not None and rule.until < today


def expired_ignores(rules: tuple[Ignore, ...], today: date) -> Decision:
    """One hit for each ignore that has run out, whether or not it would still match anything."""
    return Decision(hits=tuple(_expired_hits(rules, today)), examined=len(rules))


def _expired_hits(rules: tuple[Ignore, ...], today: date) -> Iterator[Hit]:
    for rule in rules:
        if rule.until is not None and expired(rule, today):
            yield Hit(
                ref=Ref("Ignore", _said(rule)),
                summary=f"ran out after {rule.until}; what it hid is reported again",
                evidence=(Evidence("object", f"hubops.yaml: ignores: {_said(rule)}, because: {rule.reason}"),),
                details={"check": rule.check, "until": str(rule.until)},
            )


def _said(rule: Ignore) -> str:
    """What *rule* hides, without slashes: it is the name of a finding's object."""
    target = " ".join(pattern for pattern in (rule.kind, rule.name) if pattern != "*")
    return f"{rule.check}{f' on {target}' if target else ''}{f' in {rule.namespace}' if rule.namespace != '*' else ''}"


def _matcher(rule: Ignore) -> _Matcher:
    """Whether an object is one that *rule* names."""
    written = (rule.namespace, rule.name, rule.kind)
    patterns = [(at, re.compile(translate(pattern)).match) for at, pattern in enumerate(written) if pattern != "*"]

    def matches(ref: Ref) -> bool:
        within = ref.name if ref.kind == "Namespace" else ref.namespace or ""
        texts = (within, ref.name, ref.kind)
        return all(match(texts[at]) for at, match in patterns)

    return matches
