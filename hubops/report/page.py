"""Lines of styled text that never leave the width: the canvas of what is made for a terminal."""

from __future__ import annotations

from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from hubops.report import Options
from hubops.report.shell import fold

#: ANSI's own sixteen colours, which a light and a dark terminal both map to something readable.
STYLES = {
    "critical": "bold red", "warning": "bold yellow", "info": "bold cyan", "unknown": "bold magenta",
    "ok": "bold green", "strong": "bold", "quiet": "dim", "command": "cyan", "": "",
}  # fmt: skip
#: Never the only sign: the word stands beside the glyph, and no meaning is in the colour alone.
GLYPHS = {"critical": "✖", "warning": "▲", "info": "●", "unknown": "?", "ok": "✔"}
ASCII_GLYPHS = {"critical": "X", "warning": "!", "info": "i", "unknown": "?", "ok": "+"}

#: Columns below which a label gets no column of its own any more.
NARROW = 16

Part = str | tuple[str, str]


class Page:
    """Text is taken literally: no markup, no emoji names, no links, no highlighting of what looks like a number."""

    def __init__(self, options: Options) -> None:
        self.width = max(options.width, 20)
        self.glyphs = GLYPHS if options.unicode else ASCII_GLYPHS
        # Everything rich would ask the environment for is given: a page depends on its options alone.
        self._console = Console(
            file=StringIO(), width=self.width, height=100, color_system="standard" if options.color else None,
            force_terminal=options.color, no_color=not options.color, legacy_windows=False, force_jupyter=False,
            highlight=False, markup=False, emoji=False, _environ={},
        )  # fmt: skip
        self._lines: list[Text] = []

    def __len__(self) -> int:
        return len(self._lines)

    def blank(self) -> None:
        if self._lines and self._lines[-1]:
            self._lines.append(Text())

    def add(self, *parts: Part, label: Part = "", column: int = 0, indent: int = 0, most: int | None = None) -> None:
        """One paragraph of (text, style) parts, wrapped; *label* stands before it in a column of its own.

        *most* bounds the lines; what is left out, before the last one, shows as an ellipsis: messages wrap their cause
        in what was tried, so that it stands at their end.
        """
        if column and self.width - indent - column < NARROW:
            parts, label, indent, column = (label, " ", *parts), "", min(indent, 2), 0
        start = indent + column
        body = Text.assemble(*(_styled(part) for part in parts))
        lines: list[Text] = list(body.wrap(self._console, self.width - start, overflow="fold"))
        if most is not None and len(lines) > most:
            lines = [*lines[: most - 1], lines[-1]] if most > 1 else lines[:1]
            cut = lines[max(most - 2, 0)]
            cut.truncate(self.width - start - 1)
            cut.append("…")
        for number, line in enumerate(lines):
            margin = Text(" " * indent).append(*_styled(label if number == 0 else ""))
            margin.append(" " * (start - margin.cell_len))
            margin.append_text(line).rstrip()
            self._lines.append(margin)

    def command(self, command: str, *, indent: int = 4) -> None:
        """A command alone on its line, or folded so that a shell still reads it as one."""
        for line in fold(command, self.width, indent, cell_len):
            self._lines.append(Text(line, style=STYLES["command"]))

    def literal(self, line: str, *, indent: int = 4) -> None:
        """A line that must not be broken even where it is wider than the page."""
        self._lines.append(Text(" " * indent + line, style=STYLES["command"]))

    def verbatim(self, line: str, *, indent: int = 4) -> None:
        """A line of what another program wrote, in its own columns."""
        self._lines.append(Text(" " * indent + line if line else ""))

    def text(self) -> str:
        """All lines; without trailing blanks, with a line break at the end of each."""
        for line in self._lines:
            self._console.print(line, no_wrap=True, overflow="ignore", crop=False, soft_wrap=True)
        out = self._console.file
        assert isinstance(out, StringIO)
        return out.getvalue()


def _styled(part: Part) -> tuple[str, str]:
    return (part, "") if isinstance(part, str) else (part[0], STYLES[part[1]])
