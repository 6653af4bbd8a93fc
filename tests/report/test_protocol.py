"""What an auditor reads of a drill, as Markdown and as HTML. After a wanted change make the files anew and read the
diff:

HUBOPS_UPDATE_GOLDEN=1 python -m pytest tests/report/test_protocol.py
"""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from markdown_it import MarkdownIt

from hubops.model.backup import CheckResult
from hubops.report.document import FORMATS
from hubops.report.document.wording import duration
from hubops.report.protocol import protocol
from tests.report.drills import DRILLS, ETCD, HOSTILE, PROTOCOLS, VELERO

GOLDEN = Path(__file__).parent / "protocols"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", PROTOCOLS)
def test_golden(name: str, form: str) -> None:
    file = GOLDEN / f"{name}.{FORMATS[form].suffix}"
    text = PROTOCOLS[name](form)
    if os.environ.get("HUBOPS_UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_no_golden_file_is_left_behind() -> None:
    expected = {f"{name}.{form.suffix}" for name in PROTOCOLS for form in FORMATS.values()}
    assert {file.name for file in GOLDEN.iterdir()} == expected


def test_it_says_what_from_when_how_long_and_by_which_version() -> None:
    said = protocol(ETCD)
    for part in (
        "# Restore drill of etcd, 2026-01-31 12:00:00 UTC: succeeded",
        "`etcd-20260131T090000Z`, taken 2026-01-31 09:00:00 UTC",
        "revision 4711",
        "etcd `3.6.16`",
        "| RPO: age of the newest copy | 3 h | 6 h | kept |",
        "| RTO: from the fetch until it answered | 1 min 36 s | 1 min | **MISSED** |",
        "- 812 keys are the same.",
        "- No API server was started on it.",
        "## Differences\n\nNone.",
        "| `pods` | 500 | 503 |",
        "ab" * 32,
    ):
        assert part in said


@pytest.mark.parametrize("drill", ["etcd-not-restored", "volumes"])
@pytest.mark.parametrize("form", FORMATS)
def test_what_was_not_restored_is_not_called_proven(drill: str, form: str) -> None:
    said = protocol(DRILLS[drill], form)
    assert "nothing is proven" in said
    assert "failed" in said.lower() or "in part" in said


def test_a_velero_drill_that_compared_nothing_does_not_say_that_there_was_no_difference() -> None:
    assert VELERO.proof
    proof = msgspec.structs.replace(VELERO.proof, compared={}, differences=(), differences_total=0)
    assert "## Differences\n\nNothing was compared." in protocol(msgspec.structs.replace(VELERO, proof=proof))
    proof = msgspec.structs.replace(proof, compared={"objects": 3})
    assert "## Differences\n\nNone." in protocol(msgspec.structs.replace(VELERO, proof=proof))


class _Page(HTMLParser):
    """The words of a page, its tags, and all that its attributes name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: set[str] = set()
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open != "style":
            self.words |= set(re.findall(r"\w+", data))


def _rendered(markdown: str) -> _Page:
    return _Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_both_say_the_same(name: str) -> None:
    assert _Page(PROTOCOLS[name]("html")).words == _rendered(PROTOCOLS[name]("markdown")).words


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_page_loads_and_runs_nothing(name: str) -> None:
    page = _Page(PROTOCOLS[name]("html"))
    assert not {"script", "link", "img", "iframe", "object", "a"} & page.tags
    assert not [name for name in page.attributes if name.startswith("on") or name in {"src", "href"}]


@pytest.mark.parametrize("name", ["volumes", "gameday"])
def test_nobody_can_write_into_the_page(name: str) -> None:
    for form in FORMATS:
        assert not re.search(r"[\x1b\u202e]", PROTOCOLS[name](form))
    for page in (_Page(PROTOCOLS[name]("html")), _rendered(PROTOCOLS[name]("markdown"))):
        assert "alert" in page.words
        assert not {"script", "a", "img"} & page.tags


def test_a_game_day_tells_how_long_it_took_and_what_is_to_be_done() -> None:
    said = PROTOCOLS["gameday"]("markdown")
    for part in (
        "A namespace was deleted: restored, with steps left open",
        "| RTO: from the loss until it was restored | 59 min | 1 min | **MISSED** |",
        "| RPO: age of the newest good backup at the loss | 4 h | 6 h | kept |",
        "| to detect | 9 min |",
        "| to decide | 8 min |",
        "| to restore | 42 min |",
        "| 12:58:00, loss + 0:47:00 | Restore it (restore) | **FAILED** | 30 min |",
        "- An alert on namespaces that go; Bob, 1 August.",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "0.25 s"), (59, "59 s"), (59.9996, "1 min"), (60, "1 min"), (3725, "1 h 2 min"), (90000, "1 d 1 h")],
)
def test_durations_are_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_checks_of_the_site_stand_in_it_with_what_came_back() -> None:
    checks = (
        CheckResult(name="shop answers", passed=True, said="ok", took_s=1.5),
        CheckResult(name="orders are there", passed=False, said=HOSTILE, took_s=120),
    )
    assert VELERO.proof
    run = msgspec.structs.replace(VELERO, proof=msgspec.structs.replace(VELERO.proof, checks=checks))
    said = protocol(run)
    assert "| shop answers | passed | 1.5 s | ok |" in said
    assert "| orders are there | **NOT PASSED** | 2 min |" in said
    assert "<script>alert" not in protocol(run, "html")
