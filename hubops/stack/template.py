"""The one way in which a site's settings enter the files of deploy/: jinja2 with delimiters that none of them uses.

`<< site.domain >>` is a value, `<% if … %>` a statement, `<# … #>` a comment that is not rendered. Prometheus,
Alertmanager, Grafana and Helm all use double braces, which therefore stand for themselves.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
import msgspec
import yaml

from hubops.errors import ConfigError

#: Characters that are no syntax of YAML within a scalar, quoted or not. Any other text goes through the filter `yaml`.
_PLAIN = re.compile(r"[A-Za-z0-9@/._+~^=,$%()\[\]:*-]*(?<!:)")

#: What Helm, kubectl and YAML 1.2 take for a boolean or a number, and PyYAML for text.
_OTHERS = re.compile(r"[yYnN]|[-+]?(\.\d|\d)[\d_.]*([eE][-+]?\d+)?|[-+]?0[oO][0-7_]+|[-+]?0[bB][01_]+")

#: What JSON may hold as it is and YAML may not.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class _Quoted(str):
    """Text that is YAML already."""

    __slots__ = ()


class Templates:
    """The files under *folder* as templates."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            finalize=_printable,
            variable_start_string="<<", variable_end_string=">>",
            block_start_string="<%", block_end_string="%>",
            comment_start_string="<#", comment_end_string="#>",
            trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
            autoescape=False,  # YAML, not HTML: _printable refuses what would change its meaning
        )  # fmt: skip
        self._environment.filters.update(yaml=_yaml, port=_port, base64=_base64)
        self._environment.globals.update(text=self._text, files=self._files)

    def render(self, file: str, names: Mapping[str, object]) -> str:
        """The file at the path *file* of the folder with *names* filled in. Raises ConfigError with file and line."""
        try:
            return self._environment.get_template(file).render(names)
        except jinja2.TemplateSyntaxError as error:
            raise ConfigError(f"{self._folder / (error.name or file)}:{error.lineno}: {error.message}") from error
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            raise ConfigError(f"{self._folder / file}:{_line(error, file)}: {error}") from error

    def _text(self, path: str, indent: int = 0, replace: Mapping[str, str] | None = None) -> _Quoted:
        """The file at *path*, its lines but the first and empty ones *indent* spaces to the right: a block scalar.

        Nothing in it is changed but the keys of *replace*, which stand within quotes in it, by their values.
        """
        text = (self._folder / path).read_text(encoding="utf-8").rstrip("\n")
        for placeholder, value in (replace or {}).items():
            if placeholder not in text:
                raise ValueError(f"{path} holds no {placeholder!r} that could be replaced")
            text = text.replace(placeholder, _yaml(value)[1:-1])
        return _Quoted(re.sub(r"\n(?!\n)", "\n" + " " * indent, text))

    def _files(self, pattern: str) -> list[str]:
        """The paths of the files that match *pattern*, in order."""
        return sorted(str(path.relative_to(self._folder)) for path in self._folder.glob(pattern))


def _printable(value: object) -> object:
    """What may be printed as it is. Raises ValueError for text that could change the meaning of the YAML around it."""
    if value is None:
        raise ValueError("a setting that is not set would be printed; ask for it with `if`, or require it")
    if isinstance(value, (bool, Mapping, list, tuple)):
        return _yaml(value)
    if isinstance(value, str) and not isinstance(value, _Quoted) and not plain(value):
        raise ValueError(f"{value!r} may mean something else in YAML; the template must use the filter `yaml`")
    return value


def plain(value: str) -> bool:
    """Whether *value* is the same text within a scalar, quoted or not, and by itself: not so 12, yes, *x or a: b."""
    if not _PLAIN.fullmatch(value) or _OTHERS.fullmatch(value):
        return False
    try:
        return not value or yaml.load(value, Loader=yaml.CSafeLoader) == value
    except yaml.YAMLError:
        return False


def _yaml(value: Any) -> _Quoted:
    """*value* as JSON, which is YAML in one line, but for characters that YAML takes for line breaks or refuses."""
    text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
    return _Quoted(_UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def _base64(text: str) -> _Quoted:
    return _Quoted(base64.b64encode(text.encode()).decode())


def _port(address: str) -> int:
    """The port of *address*, a URL or name:port; that of the URL's scheme where it names none. Raises ValueError."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    if port is None:
        raise ValueError(f"{address!r} has no port")
    return port


def _line(error: BaseException, file: str) -> int:
    """The line of the template *file* that *error* came from; 0 when unknown."""
    trace, line = error.__traceback__, 0
    while trace:
        if trace.tb_frame.f_code.co_filename.endswith(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
