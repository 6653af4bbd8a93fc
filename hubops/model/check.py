"""A check as its YAML file says it: data only."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Severity = Literal["critical", "warning", "info"]
#: Worst first.
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
Round = Literal["daily", "weekly", "monthly", "backup", "drill"]


class RefLabels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a series becomes a reference: `kind` is literal, the others name the labels to take."""

    kind: str
    name: str
    namespace: str | None = None


class ValueMeaning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    unit: str  # ratio, bytes, seconds, restarts, lines/s, ...
    meaning: str = ""


class Examines(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a query check looks at, so that an empty answer is never mistaken for health.

    `query` counts the series that were looked at; when it answers nothing, nothing was looked at and the check is
    unknown, unless `of` names a kind of which the cluster has none (then there was nothing to look at), or `absent`
    says what a site without these series does not have: then the check is skipped with those words.
    """

    query: str
    of: str | None = None
    absent: str | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"with_": "with"}):
    """One check. Exactly one of `probe`, `promql`, `logql`, `cel` decides.

    `with` holds the thresholds: keyword arguments of a probe; `$name` in a query; `with.name` in CEL.
    `symptom_of` names the checks whose finding on the same object, or on one this finding depends on, explains it.
    """

    id: str
    title: str
    rounds: tuple[Round, ...]
    severity: Severity
    probe: str | None = None
    promql: str | None = None
    logql: str | None = None
    cel: str | None = None
    kind: str | None = None  # CEL: "Pod", or "certificates.cert-manager.io/v1"
    with_: dict[str, Any] = {}
    ref: RefLabels | None = None
    depends_on: tuple[RefLabels, ...] = ()  # query checks: objects named by labels whose failure explains this one
    example: str | None = None  # query checks: the label that names one affected instance
    value: ValueMeaning | None = None
    summary: str | None = None
    lines: str | None = None  # logql checks: LogQL of sample lines as evidence; {label} is the series' own
    since: str | None = None  # CEL: expression that gives the time it began
    examines: Examines | None = None
    symptom_of: tuple[str, ...] = ()
    enabled: bool = True
    origin: str = ""  # the file it came from; set by the loader, no key of the file

    @property
    def decides_by(self) -> str:
        """Which of the four ways decides: probe, promql, logql or cel."""
        return next((way for way in ("probe", "promql", "logql", "cel") if getattr(self, way)), "configuration")
