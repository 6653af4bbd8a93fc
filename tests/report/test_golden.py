"""Every format of a handful of reports, compared exactly. After a wanted change make the files anew and read the diff:

HUBOPS_UPDATE_GOLDEN=1 python -m pytest tests/report/test_golden.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hubops.report import FORMATS, Options, runbook, runbook_view
from tests.report.samples import CRASH, RUNBOOK, RUNBOOKS, SAMPLES

GOLDEN = Path(__file__).parent / "golden"

VIEWS: dict[str, tuple[str, Options]] = {
    "rich-80.txt": ("rich", Options(width=80, runbooks=RUNBOOKS)),
    "rich-120.txt": ("rich", Options(width=120, runbooks=RUNBOOKS)),
    "color.txt": ("rich", Options(width=80, color=True, runbooks=RUNBOOKS)),
    "ascii.txt": ("rich", Options(width=80, unicode=False, runbooks=RUNBOOKS)),
    "plain.txt": ("plain", Options(runbooks=RUNBOOKS)),
    "json": ("json", Options()),
    "md": ("markdown", Options(runbooks=RUNBOOKS)),
}


def compare(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("HUBOPS_UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_golden(sample: str, view: str) -> None:
    format_name, options = VIEWS[view]
    compare(f"{sample}.{view}", FORMATS[format_name].render(SAMPLES[sample], options))


def test_golden_runbook() -> None:
    known = runbook.values(CRASH.ref, CRASH.details)
    compare("runbook.filled.txt", runbook_view.write(RUNBOOK, known, Options(width=80)))
    compare("runbook.by-hand.txt", runbook_view.write(RUNBOOK, runbook.values(CRASH.ref), Options(width=80)))


def test_no_golden_file_is_left_behind() -> None:
    expected = {f"{sample}.{view}" for sample in SAMPLES for view in VIEWS} | {
        "runbook.filled.txt",
        "runbook.by-hand.txt",
    }
    assert {file.name for file in GOLDEN.iterdir()} == expected
