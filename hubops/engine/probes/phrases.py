"""What programs write, and what it means: tables of patterns with the words for them."""

from __future__ import annotations

import re

Phrases = tuple[tuple[re.Pattern[str], str], ...]


def phrases(*pairs: tuple[str, str], flags: int = 0) -> Phrases:
    r"""A table of *pairs*: a pattern of one line, and words in which \1 stands for its first group."""
    return tuple((re.compile(pattern, flags), words) for pattern, words in pairs)


def meaning(table: Phrases, message: str) -> str | None:
    """The words for the first pattern of *table* that is found in *message*; None where none is."""
    text = " ".join(message.split())
    for pattern, words in table:
        if match := pattern.search(text):
            return match.expand(words)
    return None
