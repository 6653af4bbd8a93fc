"""Pages of HTML in a real browser: none is wider than the screen."""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.report.drills import PROTOCOLS
from tests.testbed import build

#: Each page in a frame of each width, and what its layout came to.
_MEASURE = """
<script>
addEventListener("load", () => {
  const seen = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, root = page.documentElement;
    const cut = [...page.querySelectorAll("td, th, p, li, h1, h2, h3")].filter(
      each => each.getBoundingClientRect().right > root.clientWidth + 1).map(each => each.textContent);
    const colours = frame.contentWindow.getComputedStyle(page.body);
    seen[frame.title] = {wide: root.scrollWidth, width: root.clientWidth, cut, tall: root.scrollHeight,
                         ground: colours.backgroundColor, text: colours.color};
  }
  document.body.textContent = "SEEN" + JSON.stringify(seen) + "SEEN";
});
</script>
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the browser made of each protocol, by "<name> <width>"."""
    frames = [
        _frame(f"{name} {width}", width, write("html")) for name, write in PROTOCOLS.items() for width in (360, 1440)
    ]
    folder = tmp_path_factory.mktemp("pages")
    (folder / "all.html").write_text(f"<!DOCTYPE html><body>{''.join(frames)}{_MEASURE}", encoding="utf-8")
    return _looked_at(folder / "all.html")


def _frame(title: str, width: int, text: str) -> str:
    page = html.escape(text)
    return f'<iframe title="{title}" width="{width}" height="900" srcdoc="{page}"></iframe>'


def _looked_at(page: Path) -> dict[str, dict[str, Any]]:
    chromium = build.debian_programs(print, ("chromium",))["chromium"]
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent}/profile"]
    done = subprocess.run(
        [str(chromium), *flags, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=180, check=False
    )
    said = re.search(r"SEEN(.*)SEEN", done.stdout, re.DOTALL)
    assert said, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(html.unescape(said[1]))
    return found


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_nothing_leaves_the_screen(seen: dict[str, dict[str, Any]], name: str, width: int) -> None:
    page = seen[f"{name} {width}"]
    assert page["width"] > width - 20
    assert page["wide"] <= page["width"]
    assert page["cut"] == []
    assert page["tall"] > 300
    assert page["ground"] != page["text"]
