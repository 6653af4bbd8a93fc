"""What `hubops doctor` finds out: how each source is reached, and what hubops may read there."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

SCHEMA = "hubops.doctor/v1"

#: problem: something cannot be read; note: worth knowing, but nothing is missing by it.
Level = Literal["ok", "note", "problem"]


class Right(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """Leave to do one thing, as RBAC has it. `resource` may be a subresource: "pods/log". Empty means all."""

    verb: str
    resource: str
    group: str = ""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        where = f" of {self.namespace}/{self.name}" if self.name else ""
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}{where}"


class Dependents(msgspec.Struct, frozen=True, kw_only=True):
    """Checks by what they lose: they are unknown without it, or only say less."""

    unknown: tuple[str, ...] = ()
    less: tuple[str, ...] = ()


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """A right that hubops does not have, or of which it could not be told: then `reason` says why."""

    right: Right
    dependents: Dependents
    reason: str | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `checks` are those that are unknown because of a problem."""

    level: Level
    about: str
    text: str
    checks: tuple[str, ...] = ()


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """`checks` counts those that were asked about, `rights` what they need; `rules` is YAML that grants `lacks`."""

    schema: str = SCHEMA
    cluster: str
    taken_at: datetime
    duration_s: float
    facts: tuple[Fact, ...]
    checks: int = 0
    rights: int = 0
    lacks: tuple[Lack, ...] = ()
    rules: str = ""

    @property
    def well(self) -> bool:
        """Whether hubops can look at all that its checks need; what only makes them say less counts too."""
        return not self.lacks and not any(fact.level == "problem" for fact in self.facts)
