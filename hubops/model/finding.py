"""What a check hands over: hits as probes yield them, findings as people read them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from hubops.model.check import Severity


class Ref(msgspec.Struct, frozen=True, order=True):
    """Which object: kind, name, and namespace where it has one."""

    kind: str
    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Evidence(msgspec.Struct, frozen=True):
    kind: Literal["event", "log", "metric", "object"]
    text: str
    at: datetime | None = None


class Value(msgspec.Struct, frozen=True):
    number: float
    unit: str


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One object at which a check fired, before roll-up.

    `summary` says what is wrong without naming the object, so that it reads well for one pod and for four hundred.
    `details` fill placeholders of the runbook beyond the object's own ("container", "node", "image", "claim").
    `example` names one affected instance where the object does not: a scrape target's address.
    """

    ref: Ref
    summary: str
    evidence: tuple[Evidence, ...] = ()
    value: Value | None = None
    since: datetime | None = None
    severity: Severity | None = None  # None: the check's own
    depends_on: tuple[Ref, ...] = ()
    details: dict[str, str] = {}
    example: str | None = None


class Symptom(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of another check that this finding explains, folded under it."""

    check: str
    severity: Severity
    ref: Ref
    affected: int = 1
    summary: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one person would fix in one go. `fingerprint` is stable over runs: check, cluster and object."""

    check: str
    severity: Severity
    state: Literal["new", "ongoing", "resolved"] = "new"
    ref: Ref
    affected: int = 1
    examples: tuple[str, ...] = ()
    summary: str
    evidence: tuple[Evidence, ...] = ()
    value: Value | None = None
    since: datetime | None = None
    owner: str | None = None  # the team, from the object's or its namespace's label
    runbook: str
    fingerprint: str
    details: dict[str, str] = {}
    symptoms: tuple[Symptom, ...] = ()
