"""A runbook as a person reads it in a terminal, with the names of one object filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hubops.model.text import inert
from hubops.report import Options
from hubops.report.page import Page, Part
from hubops.report.runbook import Code, fill_command, fill_prose, parse

_MARKS = re.compile(r"(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)\s]+\))")
_CELL = re.compile(r"(?<!\\)\|")
_ITEM = re.compile(r"^( *)([-*+]|\d+[.)]) +(.*)$")


def write(text: str, known: Mapping[str, str], options: Options) -> str:
    """The runbook *text* filled in from *known* (see runbook.values), at `options.width` columns.

    Prose is wrapped; commands are not, so that they can be copied. Steps that change nothing say so.
    """
    harmless = {name: inert(value) for name, value in known.items()}
    runbook = parse(text)
    page = Page(options)
    page.add((fill_prose(runbook.title, harmless), "strong"))
    for section in runbook.sections:
        if section.heading:
            page.blank()
            page.add((section.heading.upper() if section.level == 2 else section.heading, "strong"))
        for block in section.blocks:
            if isinstance(block, Code):
                _code(page, block, harmless)
            else:
                _prose(page, block, harmless)
    return page.text()


def _code(page: Page, code: Code, known: Mapping[str, str]) -> None:
    text = fill_command(code.text, known) if code.is_step else fill_prose(code.text, known)
    if code.is_step:
        label = ("read-only:", "quiet") if code.read_only else ("changes the cluster:", "warning")
        page.add(label, indent=2 + _margin(code.text))
    for line in text.split("\n"):
        page.literal(inert(line))


def _prose(page: Page, block: str, known: Mapping[str, str]) -> None:
    """Paragraphs, list items, and the rows of tables: what stands in the first column, and below it the rest."""
    rows = [line.strip() for line in block.split("\n")]
    if all(row.startswith("|") for row in rows):
        for row in rows[2:]:  # behind the head and its rule
            first, *rest = (cell.strip() for cell in _CELL.split(row.strip("|")))
            page.add(*_inline(first, known), label="-", column=2, indent=2 + _margin(block))
            for cell in rest:
                page.add(*_inline(cell, known), indent=6 + _margin(block))
        return
    for margin, mark, text in _items(block):
        page.add(*_inline(text, known), label=mark, column=len(mark) + 1 if mark else 0, indent=2 + margin)


def _margin(text: str) -> int:
    """How far *text* is indented: it belongs to a list item."""
    return len(text) - len(text.lstrip(" "))


def _items(block: str) -> Iterator[tuple[int, str, str]]:
    """The block's paragraphs as (indent, list mark, text): lines that continue an item are joined to it."""
    margin, mark, text = _margin(block), "", ""
    for line in block.split("\n"):
        if item := _ITEM.match(line):
            if text:
                yield margin, mark, text
            margin, mark, text = len(item[1]), item[2], item[3]
        else:
            text = f"{text} {line.strip()}".strip()
    if text:
        yield margin, mark, text


def _inline(text: str, known: Mapping[str, str]) -> Iterator[Part]:
    """The parts of a paragraph; names are filled in after the marks were read, so that no value can be one."""
    for part in _MARKS.split(text):
        if part.startswith("`") and part.endswith("`") and len(part) > 2:
            yield inert(fill_command(part[1:-1], known)), "command"
        elif part.startswith("**") and len(part) > 4:
            yield inert(fill_prose(part[2:-2], known)), "strong"
        elif (link := re.fullmatch(r"\[([^\]]+)\]\(([^)\s]+)\)", part)) is not None:
            yield inert(fill_prose(link[1], known))
            yield f" ({inert(link[2])})", "quiet"
        elif part:
            yield inert(fill_prose(part, known))
