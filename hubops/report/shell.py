"""Commands that a person will paste: values quoted so that none becomes a second command, long lines folded."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

State = Literal["plain", "single", "double", "comment"]

#: What may stand in a command without quotes: Kubernetes' names, images and selectors, never a leading dash.
_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+,=-]*")
#: Constructs in which the quotes around a value are not the last word about it: nested or repeated parsing.
_REPARSED = re.compile(r"<<|\$\(|`|\$'|\b(?:eval|sh|bash|watch|ssh|xargs)\b")
#: `{word}` that is neither ${word} nor {{word}}; whether the word is a placeholder decides a list of names.
PLACEHOLDER = re.compile(r"(?<![$\\{])\{([a-z][a-z0-9_]*)\}(?!\})")


def word(value: str) -> str:
    """*value* as exactly one word of a shell command."""
    return value if _BARE.fullmatch(value) else shlex.quote(value)


def states(command: str) -> Iterator[State]:
    """For each character of *command*, how a POSIX shell reads it."""
    state: State = "plain"
    escaped = False
    previous = " "
    for character in command:
        yield state
        if escaped:
            escaped = False
        elif character == "\\" and state in ("plain", "double"):
            escaped = True
        else:
            state = _next(state, character, previous)
        previous = character


def _next(state: State, character: str, previous: str) -> State:
    if state == "comment":
        return "plain" if character == "\n" else "comment"
    if state == "single":
        return "plain" if character == "'" else "single"
    if state == "double":
        return "plain" if character == '"' else "double"
    if character == "#" and (previous.isspace() or previous in ";&|("):
        return "comment"
    return {"'": "single", '"': "double"}.get(character, "plain")  # type: ignore[return-value]


def fill(command: str, values: Mapping[str, str], known: frozenset[str]) -> str:
    """*command* with each `{name}` of *known* replaced by its value as one word.

    A name without a value, or whose value cannot be put there safely, stays visible as `<name>`.
    """
    context = list(states(command))
    reparsed = _REPARSED.search(command) is not None

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in known:
            return match.group(0)
        value = values.get(name, "")
        if _BARE.fullmatch(value):
            return value
        if not value or value.startswith("-") or reparsed or context[match.start()] != "plain":
            return f"<{name}>"
        return shlex.quote(value)

    return PLACEHOLDER.sub(replacement, command)


def logical_lines(block: str) -> Iterator[str]:
    """The one-line commands at the start of a block, up to a loop or anything else that needs several lines.

    Lines that end in a backslash are joined, comments are left out.
    """
    for line in re.sub(r"\\\n[ \t]*", "", block).splitlines():
        kept = (
            "".join(c for c, state in zip(line, states(line), strict=True) if state != "comment").rstrip(" #").strip()
        )
        if kept and not _complete(kept):
            return
        if kept:
            yield kept


def _complete(line: str) -> bool:
    try:
        words = shlex.split(line)
    except ValueError:
        return False  # a quote that ends on another line
    return (
        not re.search(r"<<|(\||&&|\(|\{)$", line)
        and bool(words)
        and not {words[0], words[-1]} & {"for", "while", "until", "if", "do", "then", "else", "done", "fi", "}", ")"}
    )


def fold(command: str, width: int, indent: int, cells: Callable[[str], int] = len) -> list[str]:
    """*command* as lines of at most *width* columns which a shell reads as the same command.

    It is broken between words with a backslash; a word longer than a line is broken inside, and goes on at column 0.
    A command with a substitution in it stays whole: what a backslash means there depends on more than its quotes.
    """
    if indent + cells(command) <= width or _substitutes(command):
        return [" " * indent + command]
    lines: list[str] = []
    current = " " * indent
    for piece in _with_values(_pieces(command)):
        gap = "" if current.isspace() or not current else " "
        if cells(current) + len(gap) + cells(piece) + 2 <= width:
            current += gap + piece
            continue
        if gap:
            lines.append(current + " \\")
            current = " " * (indent + 2)
        if cells(current) + cells(piece) + 2 <= width:
            current += piece
        else:
            *full, current = _broken(current + piece, width, cells)
            lines += full
    return [*lines, current]


def _substitutes(command: str) -> bool:
    context = list(states(command))
    return any(context[match.start()] in ("plain", "double") for match in re.finditer(r"<<|\$\(|`|\$'", command))


def _pieces(command: str) -> Iterator[str]:
    """The parts of *command* between unquoted spaces."""
    piece = ""
    previous = ""
    for character, state in zip(command, states(command), strict=True):
        if character == " " and state in ("plain", "comment") and previous != "\\":
            if piece:
                yield piece
            piece = ""
        else:
            piece += character
        previous = "" if previous == "\\" else character
    if piece:
        yield piece


def _with_values(pieces: Iterable[str]) -> Iterator[str]:
    """A flag together with its value, so that no line ends in a lonely `--for`."""
    flag = ""
    for piece in pieces:
        if flag and piece.startswith(("-", "|", "&", ";", ">", "<")):
            yield flag
            flag = ""
        if not flag and piece.startswith("-") and "=" not in piece:
            flag = piece
        else:
            yield f"{flag} {piece}".strip()
            flag = ""
    if flag:
        yield flag


def _broken(text: str, width: int, cells: Callable[[str], int]) -> list[str]:
    lines: list[str] = []
    current, escaped = "", False
    for character, state in zip(text, states(text), strict=True):
        if not escaped and not current.isspace() and cells(current + character) + 2 > width:
            quote = "'" if state == "single" else ""
            lines.append(f"{current}{quote}\\")
            current = quote
        current += character
        escaped = character == "\\" and not escaped and state in ("plain", "double")
    return [*lines, current]
