"""The README shows what hubops really prints: made anew with HUBOPS_UPDATE_GOLDEN=1."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
_REPORT = re.compile(r"(?<=```text\n).*?(?=```)", re.DOTALL)
#: Findings of the demo that the README shows, from the top.
_SHOWN = 4


def test_the_report_in_the_readme_is_the_demo() -> None:
    environ = os.environ | {"COLUMNS": "80", "NO_COLOR": "1"}
    shown = subprocess.run(
        [sys.executable, "-m", "hubops.cli", "demo"],
        capture_output=True,
        text=True,
        env=environ,
        timeout=60,
        check=False,
    ).stdout
    parts = re.sub(r"took [\d.]+ s", "took 0.1 s", shown).split("\n\n")
    expected = "\n\n".join(parts[: _SHOWN + 1]) + "\n...\n"
    text = README.read_text(encoding="utf-8")
    if os.environ.get("HUBOPS_UPDATE_GOLDEN"):
        README.write_text(_REPORT.sub(lambda _: expected, text, count=1), encoding="utf-8")
    assert _REPORT.findall(README.read_text(encoding="utf-8"))[0] == expected
