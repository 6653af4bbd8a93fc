"""The report: the public contract of `--output json`, schema hubops.report/v1."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from hubops.model.check import Severity
from hubops.model.finding import Finding, Ref
from hubops.model.snapshot import Source

SCHEMA = "hubops.report/v1"

Verdict = Literal["critical", "warning", "unknown", "ok"]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one check went. `examined` counts the objects or series it looked at."""

    id: str
    status: Literal["fired", "passed", "unknown", "skipped"]
    reason: str | None = None
    examined: int = 0
    of: str | None = None  # what was counted, for people: "pods", "nodes", "series"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    critical: int = 0
    warning: int = 0
    info: int = 0
    unknown: int = 0


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that somebody asked not to see, and why: counted, never silent."""

    check: str
    ref: Ref
    reason: str


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What the report was narrowed to on request: shell patterns of names, and the least severity.

    A part that is empty narrows nothing. `hidden` counts the findings that are left out by it; checks that `only`
    leaves out were not run, so nothing is known of them.
    """

    namespaces: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    severity: Severity | None = None
    only: tuple[str, ...] = ()
    hidden: Counts = Counts()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = SCHEMA
    round: str
    cluster: str
    taken_at: datetime
    duration_s: float
    verdict: Verdict
    counts: Counts
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    sources: tuple[Source, ...]
    ignored: tuple[Ignored, ...] = ()
    filter: Filter | None = None  # None: the whole round
