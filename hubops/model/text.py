"""Cluster text made inert: names, messages and log lines come from whoever can write to the cluster."""

from __future__ import annotations

import re
import unicodedata

REDACTED = "[redacted]"

#: Most combining marks kept on one character; living scripts need up to four, more is an attack on the layout.
_MARKS = 4
#: Characters that print as nothing although their category says letter, mark or symbol (Unicode's
#: Default_Ignorable_Code_Point, and the blank Braille pattern).
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def inert(text: str, *, limit: int | None = None) -> str:
    """*text* on one line, with all that could act on a terminal or mislead a reader written out as \\x1b or \\u202e.

    Written out are controls, escapes, direction marks, zero-width and invisible characters, surrogates, unassigned and
    private characters, and combining marks beyond four on one character. Line breaks, tabs and every kind of space
    become a space; the two selectors of emoji presentation are dropped. *limit* cuts after that many characters and
    ends with an ellipsis. Idempotent.
    """
    kept = text if limit is None else text[: limit + 1]
    if not (kept.isascii() and kept.isprintable()):
        kept = _written_out(kept)
    if limit is not None and len(kept) > limit:
        return kept[: max(limit - 1, 0)] + "…"
    return kept


def _written_out(text: str) -> str:
    parts: list[str] = []
    marks = _MARKS  # a mark at the very start would combine with what the layout printed before it
    for character in text:
        category = unicodedata.category(character)
        if category in {"Mn", "Me"}:
            marks += 1
        else:
            marks = 0
        parts.append(_escape(character) if marks > _MARKS else _visible(character, category))
    return "".join(parts)


def _visible(character: str, category: str) -> str:
    if character in "\n\r\t" or category == "Zs":
        return " "
    if character in "\ufe0e\ufe0f":
        return ""
    if category in _ESCAPED or character in _BLANK or "\ufe00" <= character <= "\ufe0d" or character >= "\U000e0000":
        return _escape(character)
    return character


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# Redaction. Every expression is linear in the text: no unbounded repetition stands before an anchor that can fail at
# many starts, and what needs judgement is judged by a function on the matched value.

_ASSIGNED = re.compile(
    r"""(?ix)
    (?P<key> passw(?:or)?d | passphrase | pwd | secret | token | credentials? | signature | authorization
           | (?:api|access|account|private|encryption|signing|secret)[_-]?key | (?<![a-z])pass | (?<![a-z])auth )
    (?P<separator> \\{0,8}["']? [ \t]* (?: => | := | == | [:=] ) [ \t]* )
    (?P<value> (?P<quote> \\{1,8}["'] ) [^"'\\\n]*
             | " [^"\\\n]* (?: \\. [^"\\\n]* )*
             | ' [^'\n]*
             | (?: (?:bearer|basic|token|negotiate|digest) [ \t]+ )? [^\s"',;&]+ )"""
)
_FLAG = re.compile(r"(?i)(?<![\w-])(--[a-z-]{0,40}(?:password|passwd|token|secret|api-key)[ \t]+)(?![-\s])\S+")
_SCHEME = re.compile(r"(?i)\b((?:bearer|basic)[ \t]+)([a-z0-9._~+/=-]{8,})")
_USERINFO = re.compile(r"(://[^\s/:@\"'<>]*:)[^\s/\"'<>]+(?=@)|(://)[^\s/:@\"'<>]{20,}(?=@)")
_COOKIE = re.compile(r"(?i)\b((?:set-)?cookie[\"']?:[ \t]*[\"']?)[^\s=;:\"']+=[^\"'\n]*")
_SAS = re.compile(r"([?&]sig=)[^\s&\"']+")
_PEM = re.compile(r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----).*?(-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.S)
_WEBHOOK = re.compile(
    r"(?i)((?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks|"
    r"webhook\.office\.com/webhookb2)/)[^\s\"'<>]+"
)
#: Credentials that are recognisable by themselves: AWS, JWT, Slack, GitHub, GitLab, Google, Stripe, npm, Vault.
_KNOWN = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|AIza[A-Za-z0-9_-]{35}|[sr]k_live_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{36}|hvs\.[A-Za-z0-9_-]{20,})"
    r"|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
)
#: One line of a key or keystore that was printed line by line: nothing but base64.
_BASE64_LINE = re.compile(r"(?m)^[ \t]*(?!/)(?=[^\s]*[g-zG-Z+/])[A-Za-z0-9+/]{60,}={0,2}[ \t]*$")

_EMPTY = frozenset({"", "null", "none", "nil", "<nil>", "true", "false", "undefined", "*", "(", "{", "["})
_OBJECT_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*")
#: `key: value` as configuration writes it, alone on its line or between commas, unlike "wrong password: denied".
_SETTING_BEFORE = re.compile(r"(?:^|[\n,;{(\[])[ \t]*(?:- )?[\"']?[\w.-]*$")
_SETTING_AFTER = re.compile(r"[ \t]*(?:$|[\n,;})\]])")


def redact(text: str) -> str:
    """*text* with what looks like a credential replaced by [redacted]; ordinary sentences about secrets stay.

    Covers key=value, JSON and YAML settings, command-line flags, bearer and basic authorization, URL passwords,
    cookies, private keys, webhooks, and tokens that are recognisable by their form. Linear in the text.
    """
    text = _PEM.sub(rf"\1{REDACTED}\2", text)
    text = _WEBHOOK.sub(rf"\1{REDACTED}", text)
    text = _KNOWN.sub(REDACTED, text)
    text = _USERINFO.sub(lambda match: f"{match[1] or match[2]}{REDACTED}", text)
    text = _COOKIE.sub(rf"\1{REDACTED}", text)
    text = _SAS.sub(rf"\1{REDACTED}", text)
    text = _ASSIGNED.sub(_assigned, text)
    text = _FLAG.sub(rf"\1{REDACTED}", text)
    text = _SCHEME.sub(lambda match: match[1] + REDACTED if _random(match[2], case=True) else match[0], text)
    return _BASE64_LINE.sub(REDACTED, text)


def _assigned(match: re.Match[str]) -> str:
    """The setting *match* without its value, or as it was where the value is no credential."""
    key, separator, value = match["key"].lower(), match["separator"], match["value"]
    opening = match["quote"] or (value[0] if value[0] in "\"'" else "")
    bare = value[len(opening) :]
    sentence = not opening and separator.strip() == ":" != separator and _prose(match, key)
    if (sentence or _harmless(match, key, bare)) and not _ASSIGNED.search(match["value"]):
        return match[0]
    return f"{match['key']}{separator}{opening}{REDACTED}"


def _harmless(match: re.Match[str], key: str, value: str) -> bool:
    """Whether *value* says nothing: empty, a count, a path, or the name of a Secret."""
    word = value.strip().lower().rstrip(".)}]")
    if word in _EMPTY or not value.strip("*.x"):
        return True
    if key in {"token", "pass"} and word.isdigit():
        return True
    if key == "auth":
        return not _random(value, case=True)
    if key == "pwd":
        return value.startswith("/")
    whole_key = not match.string[max(match.start() - 1, 0) : match.start()].strip("\"' ,{(\t\n")
    return key == "secret" and whole_key and _OBJECT_NAME.fullmatch(value) is not None


def _prose(match: re.Match[str], key: str) -> bool:
    """Whether `key: value` is a sentence such as "invalid token: signature has expired"."""
    value = match["value"].split()[-1]
    if _random(value, case=False) or (key == "authorization" and " " in match["value"]):
        return False
    before = match.string[max(match.start() - 60, 0) : match.start()]
    setting = _SETTING_BEFORE.search(before) and _SETTING_AFTER.match(match.string, match.end())
    return key in {"token", "authorization", "signature", "auth", "credential", "credentials"} or not setting


def _random(value: str, *, case: bool) -> bool:
    """Whether *value* looks generated: eight characters or more with letters and digits (or, by *case*, mixed case)."""
    value = value.strip("\"'.,:;()")
    if len(value) < 8 or "://" in value or (not case and re.search(r"[/:.]", value) and value == value.lower()):
        return False
    letters, digits = any(c.isalpha() for c in value), any(c.isdigit() for c in value)
    return (letters and digits) or (case and re.search(r"[a-z][A-Z]", value) is not None)
