"""The LogQL that fetches sample lines of one series: `{app="{app}", namespace="{namespace}"} |= "error"`."""

from __future__ import annotations

import re
from collections.abc import Mapping

_LABEL = re.compile(r"(?<!\\[pP])\{(?:labels\.)?([A-Za-z_]\w*)\}")  # not the \p{Lu} of a regular expression


def fill_labels(template: str, labels: Mapping[str, str]) -> str:
    """*template* with each {label} replaced by its value, escaped for LogQL's double quotes; empty for one it lacks.

    Whoever can name a pod can choose a label's value: unescaped, it could close the quotes and select other logs.
    """
    return _LABEL.sub(lambda match: _escaped(labels.get(match.group(1), "")), template)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
