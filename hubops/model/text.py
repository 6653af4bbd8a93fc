"""Cluster text made inert: names, messages and log lines come from whoever can write to the cluster."""

from __future__ import annotations

import re
import unicodedata

#: Format characters that reorder or hide what a reader sees (bidirectional marks, zero-width, tags, soft hyphen).
_FORMAT = {"Cf", "Cs", "Co", "Cn"}
_SECRETS = (
    re.compile(r"(?i)\b((?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|client[_-]?secret|authorization)"
               r"[\"']?\s*[=:]\s*[\"']?)(?:bearer\s+|basic\s+)?[^\s\"',;&]+"),
    re.compile(r"(?i)\b(bearer\s+)[a-z0-9._~+/=-]{8,}"),
    re.compile(r"\b([a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)"),
    re.compile(r"\b()(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\b()eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
)  # fmt: skip


def inert(text: str, *, limit: int | None = None) -> str:
    """*text* on one line with every control, escape and direction mark written out as \\x1b or \\u202e.

    *limit* cuts after that many characters and ends with an ellipsis.
    """
    cleaned = "".join(_visible(character) for character in text)
    if limit is not None and len(cleaned) > limit:
        return cleaned[: max(limit - 1, 0)] + "…"
    return cleaned


def _visible(character: str) -> str:
    if " " <= character <= "~":
        return character
    code = ord(character)
    category = unicodedata.category(character)
    if category in {"Zl", "Zp", "Cc"} or category in _FORMAT:
        if character in "\n\r\t":
            return " "
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character


def redact(text: str) -> str:
    """*text* with what looks like a credential replaced: key=value secrets, bearer tokens, URL passwords, AWS keys."""
    for pattern in _SECRETS:
        text = pattern.sub(r"\1[redacted]", text)
    return text
