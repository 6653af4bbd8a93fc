"""The one place where cluster text becomes harmless: every format gets its report from here."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from msgspec.structs import replace

from hubops.model.finding import Evidence, Finding, Ref, Symptom, Value
from hubops.model.report import CheckResult, Filter, Ignored, Report
from hubops.model.snapshot import Source
from hubops.model.text import inert, redact

#: Characters. Kubernetes' names end at 253; messages and log lines have no end of their own.
NAME, PROSE, EVIDENCE = 300, 1000, 2000

#: Colours that a program wrote into its own log, raw or as its JSON encoder wrote them out: dropped, for they say
#: nothing here and make the line hard to read. Every other escape stays, written out.
_COLOURS = re.compile(r"(?:\x1b|\\x1b|\\u001[bB]|\\033)\[[0-9;:]*[mK]")


def clean(report: Report) -> Report:
    """*report* with inert text, credentials redacted, times in UTC and finite numbers only. Idempotent."""
    return replace(
        report,
        round=_name(report.round),
        cluster=_name(report.cluster),
        taken_at=_utc(report.taken_at),
        duration_s=report.duration_s if math.isfinite(report.duration_s) else 0.0,
        checks=tuple(_check(check) for check in report.checks),
        findings=tuple(_finding(finding) for finding in report.findings),
        sources=tuple(_source(source) for source in report.sources),
        ignored=tuple(_ignored(item) for item in report.ignored),
        filter=report.filter and _filter(report.filter),
    )


def _finding(finding: Finding) -> Finding:
    return replace(
        finding,
        check=_name(finding.check),
        ref=_ref(finding.ref),
        examples=tuple(_name(example) for example in finding.examples),
        summary=_prose(finding.summary),
        evidence=tuple(_evidence(evidence) for evidence in finding.evidence),
        value=_value(finding.value),
        since=finding.since and _utc(finding.since),
        owner=finding.owner and _name(finding.owner),
        runbook=_name(finding.runbook),
        fingerprint=_name(finding.fingerprint),
        details={_name(key): _name(value) for key, value in finding.details.items()},
        symptoms=tuple(_symptom(symptom) for symptom in finding.symptoms),
    )


def _evidence(evidence: Evidence) -> Evidence:
    text = uncoloured(evidence.text) if evidence.kind == "log" else evidence.text
    return replace(evidence, text=_prose(text, EVIDENCE), at=evidence.at and _utc(evidence.at))


def uncoloured(text: str) -> str:
    """*text* without the colours that a program wrote for a terminal."""
    return _COLOURS.sub("", text)


def _symptom(symptom: Symptom) -> Symptom:
    return replace(symptom, check=_name(symptom.check), ref=_ref(symptom.ref), summary=_prose(symptom.summary))


def _check(check: CheckResult) -> CheckResult:
    return replace(
        check,
        id=_name(check.id),
        reason=check.reason and _prose(check.reason),
        of=check.of and _name(check.of),
    )


def _source(source: Source) -> Source:
    return replace(
        source,
        name=_name(source.name),
        reason=source.reason and _prose(source.reason),
        duration_s=source.duration_s if math.isfinite(source.duration_s) else 0.0,
        url=source.url and _prose(source.url),
        via=source.via and _prose(source.via),
    )


def _ignored(item: Ignored) -> Ignored:
    return replace(item, check=_name(item.check), ref=_ref(item.ref), reason=_prose(item.reason))


def _filter(narrowed: Filter) -> Filter:
    return replace(
        narrowed,
        namespaces=tuple(_name(item) for item in narrowed.namespaces),
        teams=tuple(_name(item) for item in narrowed.teams),
        only=tuple(_name(item) for item in narrowed.only),
    )


def _ref(ref: Ref) -> Ref:
    return Ref(_name(ref.kind), _name(ref.name), ref.namespace and _name(ref.namespace))


def _value(value: Value | None) -> Value | None:
    if value is None or not math.isfinite(value.number):
        return None
    return Value(value.number, _name(value.unit))


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _name(text: str) -> str:
    return inert(text, limit=NAME)


def _prose(text: str, limit: int = PROSE) -> str:
    """Free text: cut before it is searched for credentials, so that no log line costs more than its share."""
    return inert(redact(text[: 2 * limit]), limit=limit).strip()
