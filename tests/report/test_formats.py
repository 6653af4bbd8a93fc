"""What holds for every format, whatever the cluster says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from datetime import datetime, timedelta, timezone

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from hubops.model.finding import Evidence, Symptom, Value
from hubops.model.report import CheckResult, Report
from hubops.model.snapshot import Source
from hubops.report import FORMATS, Options
from hubops.report.clean import clean
from hubops.report.schema import report_schema
from tests.report.samples import CRASH, HOSTILE, NOW, RUNBOOKS, SAMPLES, VOLUME, report
from tests.report.strategies import reports


def _closed() -> jsonschema.Draft202012Validator:
    """The schema, but one that refuses keys it does not name: our own output must have none of them."""
    closed = report_schema()
    for definition in closed["$defs"].values():
        if definition["properties"]:
            definition["additionalProperties"] = False
    return jsonschema.Draft202012Validator(closed)


_CLOSED = _closed()

thorough = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.parametrize("name", FORMATS)
@given(made=reports())
@thorough
def test_nothing_that_acts_reaches_any_format(name: str, made: Report) -> None:
    text = FORMATS[name].render(made, Options(runbooks=RUNBOOKS))
    found = {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
    assert found <= {"\n"}
    assert text.endswith("\n")
    assert not any(line != line.rstrip() for line in text.splitlines() if name in ("rich", "plain"))
    text.encode("utf-8")


@given(made=reports(), width=st.integers(20, 160), color=st.booleans())
@thorough
def test_rich_keeps_the_width_and_writes_no_escapes_but_its_own(made: Report, width: int, color: bool) -> None:
    text = FORMATS["rich"].render(made, Options(width=width, color=color, runbooks=RUNBOOKS))
    colours = r"\x1b\[[0-9;]*m"
    bare = re.sub(colours, "", text)
    assert "\x1b" not in bare
    assert color or bare == text
    assert [line for line in bare.splitlines() if cell_len(line) > width] == []


@given(made=reports())
@thorough
def test_colour_changes_nothing_but_colour(made: Report) -> None:
    plain = FORMATS["rich"].render(made, Options(color=False))
    assert re.sub(r"\x1b\[[0-9;]*m", "", FORMATS["rich"].render(made, Options(color=True))) == plain


@given(made=reports())
@thorough
def test_json_says_exactly_the_cleaned_report(made: Report) -> None:
    text = FORMATS["json"].render(made)
    assert text.isascii()
    document = json.loads(text, parse_constant=pytest.fail)
    assert not list(_CLOSED.iter_errors(document))
    expected = clean(made)
    assert document["cluster"] == expected.cluster
    assert [f["summary"] for f in document["findings"]] == [f.summary for f in expected.findings]
    assert [e["text"] for f in document["findings"] for e in f["evidence"]] == [
        e.text for f in expected.findings for e in f.evidence
    ]


def test_the_contract_has_exactly_these_keys() -> None:
    (finding,) = json.loads(FORMATS["json"].render(report(CRASH, verdict="critical")))["findings"]
    document = json.loads(FORMATS["json"].render(SAMPLES["few"]))
    assert list(document) == ["schema", "round", "cluster", "taken_at", "duration_s", "verdict", "counts", "checks",
                              "findings", "sources", "ignored", "filter"]  # fmt: skip
    assert document["taken_at"] == "2026-03-04T05:19:08Z"
    assert list(document["counts"]) == ["critical", "warning", "info", "unknown"]
    assert list(document["checks"][0]) == ["id", "status", "reason", "examined"]
    assert list(document["sources"][0]) == ["name", "status", "reason", "duration_s", "url", "via"]
    assert list(finding) == ["check", "severity", "state", "ref", "affected", "examples", "summary", "evidence",
                             "value", "since", "owner", "runbook", "fingerprint", "details", "symptoms"]  # fmt: skip
    assert finding["ref"] == {"kind": "Deployment", "namespace": "shop", "name": "cart"}
    assert finding["value"] == {"number": 14, "unit": "restarts"}
    assert list(finding["evidence"][0]) == ["kind", "text", "at"]


def test_the_schema_refuses_what_is_not_a_report() -> None:
    validator = jsonschema.Draft202012Validator(report_schema())
    good = json.loads(FORMATS["json"].render(SAMPLES["few"]))
    assert validator.is_valid(good)
    for path, value in (("verdict", "fine"), ("schema", "hubops.report/v2"), ("taken_at", "2026-03-04T05:19:08+01:00"),
                        ("duration_s", None), ("findings", [{}])):  # fmt: skip
        assert not validator.is_valid(good | {path: value}), path
    del good["ignored"]
    assert not validator.is_valid(good)


@given(made=reports())
@thorough
def test_markdown_is_what_it_looks_like(made: Report) -> None:
    """Parsed as GitHub does, the tables have their rows, and no text became a link, an image, HTML or a heading."""
    tokens = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(
        FORMATS["markdown"].render(made, Options(runbooks=RUNBOOKS))
    )
    rows = sum(token.type == "tr_open" for token in tokens)
    cells = sum(token.type in ("td_open", "th_open") for token in tokens)
    unknown = sum(check.status == "unknown" for check in made.checks)
    tables = [
        (len(made.findings), 7),
        (unknown, 2),
        (len(made.ignored), 3),
        (len(made.sources), 3),
        (len(made.checks), 4),
    ]
    assert rows == sum(number + 1 for number, _ in tables if number)
    assert cells == sum((number + 1) * columns for number, columns in tables if number)
    assert sum(token.type == "heading_open" and token.tag == "h3" for token in tokens) == len(made.findings)
    kinds = {child.type for token in tokens for child in token.children or ()} | {token.type for token in tokens}
    assert not kinds & {"link_open", "image", "html_inline", "html_block", "em_open", "strong_open", "s_open", "hr",
                        "ordered_list_open", "blockquote_open"}  # fmt: skip
    for token in tokens:
        for child in token.children or ():
            assert child.type != "text" or not re.search(r"@|://|www\.|#\d|:bomb:|\$", child.content)


@given(made=reports())
@thorough
def test_plain_has_one_row_for_each_thing(made: Report) -> None:
    lines = FORMATS["plain"].render(made, Options()).split("\n")
    tables = "\n".join(lines).split("\n\n")
    sizes = {table.split("\n")[0]: len(table.strip("\n").split("\n")) - 2 for table in tables[1:]}
    assert sizes.get("FINDINGS", 0) == len(made.findings)
    assert sizes.get("SOURCES", 0) == len(made.sources)
    assert sizes.get("IGNORED", 0) == len(made.ignored)
    assert sizes.get("COULD NOT CHECK", 0) == sum(check.status == "unknown" for check in made.checks)


@given(made=reports())
@thorough
def test_cleaning_twice_is_cleaning_once(made: Report) -> None:
    assert clean(clean(made)) == clean(made)


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_shows_a_credential(name: str) -> None:
    leaky = msgspec.structs.replace(
        VOLUME,
        summary="cannot reach postgres://app:hunter2@db/shop",
        evidence=tuple(Evidence(kind, "PGPASSWORD=hunter2") for kind in ("log", "event", "object", "metric")),
        symptoms=(Symptom(check="x", severity="info", ref=VOLUME.ref, summary="token=hunter2"),),
    )
    made = report(
        leaky,
        verdict="warning",
        checks=(CheckResult(id="x", status="unknown", reason="?token=hunter2"),),
        sources=(Source(name="loki", status="failed", reason="http://a:hunter2@loki", url="http://a:hunter2@loki"),),
    )
    text = FORMATS[name].render(made)
    assert "hunter2" not in text
    assert "redacted" in text


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("sample", ["blind", "hostile"])
def test_no_format_hides_what_could_not_be_checked(name: str, sample: str) -> None:
    made = clean(SAMPLES[sample])
    text = FORMATS[name].render(made, Options(width=2000))
    for check in made.checks:
        if check.status == "unknown":
            assert shown(name, check.id) in text
            assert shown(name, check.reason or "") in text


def shown(name: str, text: str) -> str:
    """*text* as the format *name* writes it within a line."""
    return {"json": json.dumps(text), "markdown": text.replace("|", "\\|")}.get(name, text)


def test_times_of_any_zone_are_shown_in_utc() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    made = msgspec.structs.replace(
        report(msgspec.structs.replace(VOLUME, since=datetime(2026, 3, 4, 8, 30, tzinfo=india)), verdict="warning"),
        taken_at=NOW.astimezone(india),
    )
    assert "since 03:00 UTC, 2h 19m ago" in FORMATS["rich"].render(made)
    assert '"since": "2026-03-04T03:00:00Z"' in FORMATS["json"].render(made)


@pytest.mark.parametrize("name", FORMATS)
def test_a_value_that_is_no_number_is_left_out(name: str) -> None:
    for number in (float("nan"), float("inf"), float("-inf")):
        text = FORMATS[name].render(
            report(msgspec.structs.replace(VOLUME, value=Value(number, "bytes")), verdict="warning")
        )
        assert not re.search(r"\b(nan|inf|infinity)\b", text, re.IGNORECASE)


def test_a_program_s_own_colours_are_dropped_from_its_log() -> None:
    made = report(
        msgspec.structs.replace(
            HOSTILE, evidence=(Evidence("log", "\x1b[1;31mERR\x1b[0m\x1b[K \\u001b[32mx\\x1b[0m"),)
        ),
        verdict="critical",
    )
    assert "log    ERR x" in FORMATS["rich"].render(made).replace("log          ", "log    ")


def test_formats_import_their_libraries_only_when_used() -> None:
    code = "import sys, hubops.report; print(sorted({'rich', 'tabulate', 'markdown_it'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
