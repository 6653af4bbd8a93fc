"""Reports of clusters in which everybody who can write a name, a message or a log line is hostile."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import strategies as st

from hubops.model.finding import Evidence, Finding, Ref, Symptom, Value
from hubops.model.report import CheckResult, Ignored, Report
from hubops.model.snapshot import Source
from tests.report.samples import report

#: Text that attacks each format, mixed with any text at all, unpaired surrogates among it.
_attack = st.sampled_from([
    "\x1b[2J", "\x1b]8;;http://e\x1b\\", "\x9b1m", "\u202e", "\u2066", "\u200b", "\ud800", "\n# x", "\n```\n", "````",
    "`", "|", "\\|", "\\", "<script>", "</code>", "&lt;", "[x](http://e)", "![i](u)", "@all", "#1", ":bomb:", "[red]",
    "[/]", "[link=http://e]", "$x$", "http://e.example/", "www.e.example", "z" + "\u0301" * 30, "中文", "🚀",
    "👨\u200d👩", "\t", "- x", "1. x", "===", "---", "x" * 300, " ", "\r\n", "'", '"', ";", "$(x)", "<!-- ", "_a_",
    "*b*", "~~c~~", "\0", "||",
])  # fmt: skip
_any = st.text(st.characters(codec=None, categories=None), max_size=20)
hostile = st.lists(_attack | _any, max_size=4).map("".join)
_moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))
_severities = st.sampled_from(["critical", "warning", "info"])
_refs = st.builds(Ref, hostile, hostile, hostile | st.none())
_evidence = st.builds(
    Evidence, st.sampled_from(["event", "log", "metric", "object"]), hostile, _moments | st.none()
)  # fmt: skip
_symptoms = st.builds(
    Symptom, check=hostile, severity=_severities, ref=_refs, affected=st.integers(1, 9), summary=hostile
)
_findings = st.builds(
    Finding, check=hostile, severity=_severities, state=st.sampled_from(["new", "ongoing", "resolved"]), ref=_refs,
    affected=st.integers(1, 2000), examples=st.lists(hostile, max_size=3).map(tuple), summary=hostile,
    evidence=st.lists(_evidence, max_size=3).map(tuple),
    value=st.builds(Value, st.floats(), hostile | st.sampled_from(["bytes", "ratio", "seconds"])) | st.none(),
    since=_moments | st.none(), owner=hostile | st.none(), runbook=st.just("pod-crash-looping") | hostile,
    fingerprint=hostile, details=st.dictionaries(st.sampled_from(["container", "node"]) | hostile, hostile, max_size=2),
    symptoms=st.lists(_symptoms, max_size=2).map(tuple),
)  # fmt: skip
_checks = st.builds(
    CheckResult, id=hostile, status=st.sampled_from(["passed", "unknown", "skipped"]), reason=hostile | st.none(),
    examined=st.integers(0, 5000), of=hostile | st.none(),
)  # fmt: skip
_sources = st.builds(
    Source, name=hostile, status=st.sampled_from(["ok", "partial", "failed"]), reason=hostile | st.none(),
    duration_s=st.floats(), url=hostile | st.none(), via=hostile | st.none(),
)  # fmt: skip


@st.composite
def reports(draw: st.DrawFn) -> Report:
    made = report(
        *draw(st.lists(_findings, max_size=4)),
        verdict=draw(st.sampled_from(["critical", "warning", "unknown", "ok"])),
        checks=tuple(draw(st.lists(_checks, max_size=3))),
        sources=tuple(draw(st.lists(_sources, max_size=2))),
        ignored=tuple(draw(st.lists(st.builds(Ignored, check=hostile, ref=_refs, reason=hostile), max_size=2))),
        cluster=draw(hostile),
    )
    return msgspec.structs.replace(made, round=draw(hostile), duration_s=draw(st.floats()))
