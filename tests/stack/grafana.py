"""Dashboards as Grafana 10 treats them: variables become values, and macros become durations."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from hubops import content
from hubops.stack.load import load
from hubops.stack.render import render
from tests.stack.rendered import site

Json = dict[str, Any]
#: What Grafana makes of its macros, for a range of six hours and a scrape every minute.
MACROS = {"__rate_interval": "4m", "__interval": "5m", "__range": "6h"}
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w*[A-Za-z_]\w*))")
_LABEL_VALUES = re.compile(r"label_values\((?P<series>.+), (?P<label>\w+)\)")


def monitoring(name: str) -> list[Json]:
    """The objects of the component monitoring for the site *name*."""
    folder = content.folder("deploy")
    return list(render(load(folder / "stack.yaml"), folder, site(name), "monitoring").objects())


def config_maps(name: str) -> list[Json]:
    """The ConfigMaps that Grafana's sidecar loads as dashboards."""
    maps = (each for each in monitoring(name) if each["kind"] == "ConfigMap")
    return [each for each in maps if "grafana_dashboard" in each["metadata"].get("labels", {})]


def dashboards(name: str) -> dict[str, Json]:
    """The dashboards in them, by uid."""
    texts = [text for each in config_maps(name) for text in each["data"].values()]
    return {board["uid"]: board for board in map(json.loads, texts)}


def panels(board: Json) -> list[Json]:
    """Its panels that show something."""
    return [each for each in board["panels"] if each["type"] != "row"]


def variables(board: Json, *kinds: str) -> list[Json]:
    return [each for each in board["templating"]["list"] if not kinds or each["type"] in kinds]


def names_in(text: str) -> set[str]:
    """The variables and macros that *text* uses."""
    return {braced or plain for braced, plain in _VARIABLE.findall(text)}


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """*text* with its variables replaced. Raises KeyError for one that there is not."""
    known = {**MACROS, **values}
    return _VARIABLE.sub(lambda match: known[match[1] or match[2]], text)


@dataclass(frozen=True)
class Sources:
    """A Prometheus and a Loki, as data sources."""

    prometheus: str
    loki: str

    def _get(self, url: str, **params: Any) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, params=params, timeout=30)
        assert answer.status_code == 200, f"{answer.text[:400]}\n{params}"
        return answer.json()["data"]

    def label_values(self, series: str, label: str) -> list[str]:
        found: list[str] = self._get(f"{self.prometheus}/api/v1/label/{label}/values", **{"match[]": series})
        return sorted(found)

    def run(self, target: Json, expr: str) -> list[Json]:
        """The series (or streams) that *target* shows, over the last hours or now."""
        now = time.time()
        found: list[Json]
        if target["datasource"]["type"] == "loki":
            asked = {
                "query": expr,
                "start": int((now - 6 * 3600) * 1e9),
                "end": int(now * 1e9),
                "step": "300s",
                "limit": 50,
            }
            found = self._get(f"{self.loki}/loki/api/v1/query_range", **asked)["result"]
        elif target["instant"]:
            found = self._get(f"{self.prometheus}/api/v1/query", query=expr, time=now)["result"]
        else:
            asked = {"query": expr, "start": now - 1800, "end": now, "step": 60}
            found = self._get(f"{self.prometheus}/api/v1/query_range", **asked)["result"]
        return found


def resolve(board: Json, sources: Sources, chosen: Mapping[str, str], *, narrowed: bool = False) -> dict[str, str]:
    """The values of the variables of *board*: All where that is offered, or with *narrowed* the first value.

    *chosen* are those that a reader picked.
    """
    values: dict[str, str] = {}
    for variable in variables(board, "constant", "custom", "query"):
        name = variable["name"]
        if variable["type"] == "query":
            options = _options(variable, sources, values)
            assert options, f"{board['uid']}: variable {name} has no values"
            values[name] = _value(variable, options, chosen.get(name), narrowed)
        else:
            values[name] = variable["current"]["value"]
    return values


def _options(variable: Json, sources: Sources, values: Mapping[str, str]) -> list[str]:
    asked = _LABEL_VALUES.fullmatch(variable["query"]["query"])
    assert asked, variable["query"]
    assert variable["definition"] == variable["query"]["query"]
    found = sources.label_values(fill_in(asked["series"], values), asked["label"])
    pattern = variable["regex"].strip("/")
    return [each for each in found if re.search(pattern, each)]


def _value(variable: Json, options: list[str], chosen: str | None, narrowed: bool) -> str:
    if variable["multi"] and not narrowed:
        every = "|".join(map(re.escape, options)).replace("\\", "\\\\")
        return variable.get("allValue") or f"({every})"
    return chosen if chosen in options else options[0]


def targets(board: Json) -> Iterator[tuple[Json, Json]]:
    """Each query with the panel that it is for."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield panel, target
