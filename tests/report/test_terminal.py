from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from hubops.model.check import SEVERITIES
from hubops.model.finding import Evidence, Ref
from hubops.report import FORMATS, Options
from hubops.report.page import ASCII_GLYPHS, GLYPHS, Page
from tests.report.samples import CRASH, RUNBOOKS, SAMPLES, VOLUME, report


def rich(name: str, **options: object) -> str:
    return FORMATS["rich"].render(SAMPLES[name], Options(runbooks=RUNBOOKS, **options))  # type: ignore[arg-type]


def test_the_verdict_comes_first_then_the_worst() -> None:
    lines = rich("few").splitlines()
    assert lines[0] == "✖ CRITICAL  prod-eu: 1 critical, 1 warning, 1 info"
    heads = [line.split()[1].lower() for line in lines if re.match(r"[✖▲●] [A-Z]+  ", line)]
    assert heads[1:4] == list(SEVERITIES)


def test_no_severity_is_told_by_colour_or_glyph_alone() -> None:
    assert set(GLYPHS) == set(ASCII_GLYPHS)
    assert all(glyph.isascii() for glyph in ASCII_GLYPHS.values())
    for level in ("CRITICAL", "WARNING", "INFO"):
        assert level in rich("few", unicode=False)
    assert not {*GLYPHS.values()} - {"?"} & set(rich("few", unicode=False))


def test_without_findings_it_is_short_and_says_what_was_looked_at() -> None:
    text = rich("none")
    assert len(text.splitlines()) <= 12
    assert "no findings" in text
    assert "812 pods" in text
    assert "service proxy monitoring/prometheus-k8s:web" in text


def test_what_could_not_be_checked_says_why_and_what_to_do() -> None:
    text = rich("blind")
    assert text.startswith("? UNKNOWN ")
    assert "403 Forbidden, user sre-reader" in text
    assert "hubops check volume-filling targets-down certificate-expiring" in text
    assert "FAILED: 503 Service Unavailable" in text
    assert "error-log-spike: disabled in hubops.yaml" in text


def test_commands_stand_alone_on_their_line() -> None:
    lines = rich("few").splitlines()
    assert "    kubectl -n shop logs cart -c app --previous --tail=50" in lines
    assert "    hubops runbook pod-crash-looping --for Deployment/shop/cart \\" in lines
    assert "      --set container=app" in lines
    assert (
        "    hubops runbook pod-crash-looping --for Deployment/shop/cart --set container=app"
        in rich("few", width=120).splitlines()
    )


def test_many_findings_all_appear_and_the_first_of_each_check_in_full() -> None:
    text = rich("many", width=100)
    for finding in SAMPLES["many"].findings:
        assert f"{finding.ref}\n" in text
        assert finding.summary in text
    assert text.count("hubops runbook pod-pending") == 3
    assert "51 findings shown without evidence" in text
    assert "By check:   pod-crash-looping 20" in text
    assert text.splitlines()[-2].startswith("✖ CRITICAL  prod-eu"), "the verdict is said again where the eye ends"


def test_evidence_is_bounded() -> None:
    noisy = replace(CRASH, evidence=tuple(Evidence("log", f"line {number} " + "x " * 4000) for number in range(30)))
    text = FORMATS["rich"].render(report(noisy, verdict="critical"))
    assert text.count(" log ") == 5
    assert "and 25 more in --output json" in text
    assert len(text.splitlines()) < 70


def test_states_show_only_when_there_was_an_earlier_run() -> None:
    first = FORMATS["rich"].render(report(CRASH, VOLUME, verdict="critical"))
    assert "pod-crash-looping, 14 restarts" in first
    later = FORMATS["rich"].render(
        report(
            CRASH,
            replace(VOLUME, state="ongoing"),
            replace(CRASH, state="resolved", ref=Ref("Node", "n")),
            verdict="critical",
        )
    )
    assert "pod-crash-looping, new, 14 restarts" in later
    assert "volume-filling, ongoing, 90.7 %" in later
    assert "✔ RESOLVED  Node n" in later


@pytest.mark.parametrize(
    "text", ["[bold]x[/bold]", "[/]", ":warning:", "https://e.example 42 'quoted' True", "[link=u]x[/link]"]
)
def test_a_page_takes_text_literally(text: str) -> None:
    page = Page(Options(color=True))
    page.add(text, (text, "strong"))
    written = page.text()
    assert re.sub(r"\x1b\[[0-9;]*m", "", written) == f"{text}{text}\n"
    assert written.startswith(text), "nothing is coloured that no part asked for"


def test_a_page_loses_no_word_when_it_wraps() -> None:
    words = [f"w{number}" + "y" * (number % 40) for number in range(200)]
    for width in (20, 37, 80):
        page = Page(Options(width=width))
        page.add(" ".join(words), label="label", column=8, indent=2)
        assert re.sub(r"\s", "", page.text()) == "label" + "".join(words)


def test_a_page_depends_on_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rich("few"), rich("few", color=True)
    for name, value in {
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "33",
        "FORCE_COLOR": "1",
        "TTY_COMPATIBLE": "1",
    }.items():
        monkeypatch.setenv(name, value)
        assert (rich("few"), rich("few", color=True)) == before
