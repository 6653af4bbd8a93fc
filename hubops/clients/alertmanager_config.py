"""Alertmanager's configuration as far as hubops looks at it: the routing tree, names of receivers, inhibit rules.

The server blackens what it knows as secret; a URL or a header may hold one all the same. Nothing but names and matchers
leaves this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import yaml

from hubops.errors import Permanent
from hubops.model.alerting import InhibitRule, Matcher, Receiver, Route

_MATCHER = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s=!~",{}]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^,}"]*)\s*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
#: Alertmanager itself gives up on deeper trees long before.
_DEPTH = 50

_Texts = dict[str, Any] | None


class _Route(msgspec.Struct):
    receiver: str | None = None
    matchers: list[str] | None = None
    match: _Texts = None
    match_re: _Texts = None
    continue_: bool | None = msgspec.field(default=None, name="continue")
    routes: list[Any] | None = None


class _Inhibit(msgspec.Struct):
    source_matchers: list[str] | None = None
    source_match: _Texts = None
    source_match_re: _Texts = None
    target_matchers: list[str] | None = None
    target_match: _Texts = None
    target_match_re: _Texts = None
    equal: list[str] | None = None


class _Config(msgspec.Struct):
    route: Any = None
    receivers: list[dict[str, Any]] | None = None
    inhibit_rules: list[_Inhibit] | None = None


class Trimmed(msgspec.Struct, frozen=True):
    route: Route
    receivers: tuple[Receiver, ...]
    inhibit_rules: tuple[InhibitRule, ...]


def trimmed(text: str) -> Trimmed:
    """What of the configuration *text* is kept. Raises Permanent for one that hubops cannot read."""
    if not text.strip():
        raise Permanent("Alertmanager does not show its configuration")
    try:
        config = msgspec.convert(_load(text), _Config)
        return Trimmed(
            _route(config.route or {}, _DEPTH),
            tuple(_receiver(item) for item in config.receivers or ()),
            tuple(_inhibit(item) for item in config.inhibit_rules or ()),
        )
    except (yaml.YAMLError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        # The error is not told: it may quote a line of the configuration.
        raise Permanent("Alertmanager answered a configuration that hubops cannot read") from error


def _load(text: str) -> object:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506 - it is a safe loader


def _route(data: object, depth: int) -> Route:
    if not depth:
        raise ValueError("nested too deep")
    found = msgspec.convert(data, _Route)
    return Route(
        receiver=found.receiver or "",
        matchers=_matchers(found.matchers, found.match, found.match_re),
        goes_on=bool(found.continue_),
        routes=tuple(_route(item, depth - 1) for item in found.routes or ()),
    )


def _receiver(item: Mapping[str, Any]) -> Receiver:
    kinds = (key.removesuffix("_configs") for key, value in item.items() if key.endswith("_configs") and value)
    return Receiver(str(item.get("name", "")), tuple(kinds))


def _inhibit(item: _Inhibit) -> InhibitRule:
    return InhibitRule(
        source=_matchers(item.source_matchers, item.source_match, item.source_match_re),
        target=_matchers(item.target_matchers, item.target_match, item.target_match_re),
        equal=tuple(item.equal or ()),
    )


def _matchers(texts: Iterable[str] | None, equal: _Texts, regex: _Texts) -> tuple[Matcher, ...]:
    """The matchers of one place, in the one notation and in the older one of `match` and `match_re`."""
    return (
        *(matcher for text in texts or () for matcher in parse_matchers(text)),
        *(Matcher(name, str(value)) for name, value in (equal or {}).items()),
        *(Matcher(name, str(value), is_regex=True) for name, value in (regex or {}).items()),
    )


def parse_matchers(text: str) -> Iterator[Matcher]:
    """The matchers of a text like `severity="critical", team=~"a|b"`, in braces or not. Raises ValueError."""
    rest = text.strip()
    if rest.startswith("{") and rest.endswith("}"):
        rest = rest[1:-1]
    at = 0
    while rest[at:].strip():
        found = _MATCHER.match(rest, at)
        if found is None:
            raise ValueError("not a matcher")
        name, sign, value = found.groups()
        yield Matcher(_unquoted(name), _unquoted(value), is_regex="~" in sign, is_equal=sign in {"=", "=~"})
        at = found.end()


def _unquoted(text: str) -> str:
    text = text.strip()
    if not text.startswith('"'):
        return text
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[0]), text[1:-1])
