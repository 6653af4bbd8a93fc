"""The contract of `--output json`, schema hubops.report/v1: exactly its keys, and the same ones every time."""

from __future__ import annotations

import json
from typing import Any

from hubops.model.finding import Finding, Ref
from hubops.model.report import Counts, Filter, Report
from hubops.report import Options
from hubops.report.words import stamp


def write(report: Report, options: Options) -> str:  # noqa: ARG001 - JSON has no options
    """One ASCII document: whatever the text in it, no terminal and no parser acts on it."""
    return json.dumps(document(report), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """*report* as the contract has it; keys without a value are null, never absent."""
    return {
        "schema": report.schema,
        "round": report.round,
        "cluster": report.cluster,
        "taken_at": stamp(report.taken_at),
        "duration_s": round(report.duration_s, 3),
        "verdict": report.verdict,
        "counts": _counts(report.counts),
        "checks": [
            {"id": check.id, "status": check.status, "reason": check.reason, "examined": check.examined}
            for check in report.checks
        ],
        "findings": [_finding(finding) for finding in report.findings],
        "sources": [
            {"name": source.name, "status": source.status, "reason": source.reason,
             "duration_s": round(source.duration_s, 3), "url": source.url, "via": source.via}
            for source in report.sources
        ],
        "ignored": [
            {"check": item.check, "ref": _ref(item.ref), "reason": item.reason} for item in report.ignored
        ],
        "filter": report.filter and _filter(report.filter),
    }  # fmt: skip


def _counts(counts: Counts) -> dict[str, int]:
    return {level: getattr(counts, level) for level in ("critical", "warning", "info", "unknown")}


def _filter(narrowed: Filter) -> dict[str, Any]:
    return {
        "namespaces": list(narrowed.namespaces),
        "teams": list(narrowed.teams),
        "severity": narrowed.severity,
        "only": list(narrowed.only),
        "hidden": _counts(narrowed.hidden),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "severity": finding.severity,
        "state": finding.state,
        "ref": _ref(finding.ref),
        "affected": finding.affected,
        "examples": list(finding.examples),
        "summary": finding.summary,
        "evidence": [{"kind": item.kind, "text": item.text, "at": stamp(item.at)} for item in finding.evidence],
        "value": finding.value and {"number": _number(finding.value.number), "unit": finding.value.unit},
        "since": stamp(finding.since),
        "owner": finding.owner,
        "runbook": finding.runbook,
        "fingerprint": finding.fingerprint,
        "details": dict(finding.details),
        "symptoms": [
            {
                "check": item.check,
                "severity": item.severity,
                "ref": _ref(item.ref),
                "affected": item.affected,
                "summary": item.summary,
            }
            for item in finding.symptoms
        ],
    }


def _ref(ref: Ref) -> dict[str, str | None]:
    return {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _number(number: float) -> float | int:
    """14 rather than 14.0, as far as a float holds integers exactly."""
    return int(number) if number == int(number) and abs(number) < 2**53 else number
