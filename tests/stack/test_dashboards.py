"""Every dashboard is whole, every query in it runs on a real Prometheus or Loki, and shows the healthy platform."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest

from hubops import content
from tests.stack import grafana
from tests.stack.grafana import Json, Sources
from tests.stack.rendered import SITES, site
from tests.testbed.bed import Testbed

BOARDS = grafana.dashboards("aws")
UIDS = ["hubops-api", "hubops-cluster", "hubops-ingress", "hubops-kafka", "hubops-redis", "hubops-rounds",
        "hubops-timescaledb"]  # fmt: skip
#: Of Grafana 10.2: all of them are still there today.
TYPES = {"bargauge", "logs", "stat", "table", "timeseries"}
#: What the owner's alerts call too much, and where it is drawn.
THRESHOLDS = {
    ("hubops-cluster", "CPU of nodes"): 0.8,
    ("hubops-cluster", "Memory of nodes"): 0.9,
    ("hubops-cluster", "Used space of claims"): 0.85,
    ("hubops-api", "Errors"): 0.05,
    ("hubops-api", "Errors by route"): 0.05,
    ("hubops-api", "CPU of what was requested"): 0.8,
    ("hubops-api", "Memory of its limit"): 0.9,
    ("hubops-api", "Database connections in use"): 1,
    ("hubops-kafka", "Used space of volumes"): 0.85,
    ("hubops-redis", "Memory of its maximum"): 0.9,
    ("hubops-timescaledb", "Used space of volumes"): 0.85,
    ("hubops-ingress", "Server errors"): 0.05,
    ("hubops-ingress", "First certificate expires in"): 7 * 86400,
}
#: Lists of what is wrong: nothing while all is well, and something as soon as the condition at their end is turned.
QUIET = {("hubops-cluster", "Pods that are not ready")}
#: A reader's choice where only one value can be: the Deployment of the healthy platform that has an autoscaler.
CHOSEN = {"service": "frontend"}


@pytest.fixture(params=UIDS)
def board(request: pytest.FixtureRequest) -> Json:
    return BOARDS[request.param]


@pytest.fixture(scope="module")
def sources(untouched: Testbed) -> Sources:
    return Sources(untouched.stack.urls.prometheus, untouched.stack.urls.loki)


def test_these_dashboards_and_no_others() -> None:
    assert sorted(BOARDS) == UIDS
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)


@pytest.mark.parametrize("name", SITES)
def test_config_maps_carry_the_files_with_the_runbooks_of_the_site(name: str) -> None:
    maps = grafana.config_maps(name)
    files = sorted((content.folder("deploy") / "monitoring" / "dashboards").iterdir(), key=lambda file: file.name)
    assert len(maps) == len(files)
    for each, file in zip(maps, files, strict=True):
        assert each["metadata"]["namespace"] == "monitoring"
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["annotations"] == {"grafana_folder": "Platform"}
        ((key, text),) = each["data"].items()
        assert key == f"hubops-{file.name}"
        assert len(text) < 2**20 - 2**16  # what one object may hold
        plain = file.read_text(encoding="utf-8").replace(
            "https://hubops.example.com/runbooks/", site(name).runbooks_url
        )
        assert json.loads(text) == json.loads(plain)
        (runbooks,) = (one for one in grafana.variables(json.loads(text)) if one["name"] == "runbooks")
        assert runbooks["query"] == runbooks["current"]["value"] == site(name).runbooks_url


def test_a_dashboard_is_found_and_refreshes(board: Json) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,40}", board["uid"])
    assert board["description"].endswith(".")
    assert (board["tags"], board["schemaVersion"], board["refresh"]) == (["hubops"], 38, "1m")
    assert board["time"] == {"from": "now-6h", "to": "now"}
    assert "id" not in board  # or an import would overwrite a dashboard that happens to have it
    (others,) = (link for link in board["links"] if link["type"] == "dashboards")
    assert others["tags"] == board["tags"]


def test_panels_have_what_a_reader_needs(board: Json) -> None:
    shown = grafana.panels(board)
    assert {panel["type"] for panel in shown} <= TYPES
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in shown:
        assert panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["description"].endswith((".", "…")), panel["title"]
        assert panel["datasource"]["uid"] in ("${datasource}", "${logs}")
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
        if panel["type"] != "logs":
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["displayMode"] == "table"
            assert all(target.get("legendFormat") for target in panel["targets"]), panel["title"]


def test_panels_fill_the_page_without_overlap(board: Json) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        x, y, w, h = (panel["gridPos"][key] for key in "xywh")
        assert 0 <= x < x + w <= 24
        for cell in ((column, line) for column in range(x, x + w) for line in range(y, y + h)):
            assert cell not in taken, f"{panel['title']} lies on {taken[cell]}"
            taken[cell] = panel["title"]
    lines = {line for _, line in taken}
    assert lines == set(range(max(lines) + 1))


def test_no_namespace_stands_in_a_query_and_every_variable_is_used(board: Json) -> None:
    asked = [target["expr"] for _, target in grafana.targets(board)]
    asked += [each["expr"] for each in board["annotations"]["list"]]
    asked += [each["definition"] for each in grafana.variables(board, "query")]
    for expr in asked:
        assert not re.search(r'namespace\s*(=|!=|=~|!~)\s*"(?!\$namespace")', expr), expr
    used = grafana.names_in(json.dumps(board["panels"]) + json.dumps(board["links"]) + "".join(asked))
    names = {each["name"] for each in grafana.variables(board)}
    assert names <= used
    assert used - names <= grafana.MACROS.keys() | {"__value"}


def test_variables_offer_all_where_there_may_be_many(board: Json) -> None:
    variables = {each["name"]: each for each in grafana.variables(board)}
    for name in {"namespace", "pod", "ingress", "topic", "group", "round", "database"} & variables.keys():
        assert variables[name]["includeAll"]
        assert variables[name]["multi"]
    assert variables["datasource"]["query"] == "prometheus"
    assert "logs" not in variables or variables["logs"]["query"] == "loki"


def test_thresholds_are_those_of_the_alerts() -> None:
    for (uid, title), limit in THRESHOLDS.items():
        (panel,) = (each for each in grafana.panels(BOARDS[uid]) if each["title"] == title)
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert [step["value"] for step in steps] == [None, limit], title


def test_links_lead_to_runbooks_that_there_are(board: Json) -> None:
    linked = set(re.findall(r"\$\{runbooks:raw\}([a-z][\w.-]*)", json.dumps(board)))
    assert {name for name in linked if not (content.folder("runbooks") / name).exists()} == set()
    if board["uid"] != "hubops-rounds":
        assert linked


def labels_of(series: list[Json]) -> set[str]:
    return {name for each in series for name in each.get("metric") or each.get("stream") or {}}


def finite(series: Json) -> bool:
    """Whether it shows a number, or a line of a log."""
    values = [each[1] for each in series.get("values", []) or [series["value"]]]
    return bool(values) and ("stream" in series or any(math.isfinite(float(value)) for value in values))


def expected_labels(panel: Json, target: Json) -> set[str]:
    """The labels that its legend shows, or the table's columns."""
    labels = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
    for change in panel.get("transformations", []):
        if change["id"] == "organize":
            labels |= {each for each in change["options"]["renameByName"] if not each.startswith("Value")}
    return labels


def queries(board: Json, values: dict[str, str]) -> Iterator[tuple[Json, Json, str]]:
    """Panel, target and query, with the variables filled in."""
    for panel, target in grafana.targets(board):
        legend = grafana.fill_in(target.get("legendFormat", ""), values)
        yield panel, target | {"legendFormat": legend}, grafana.fill_in(target["expr"], values)


def test_every_query_shows_the_healthy_platform(board: Json, sources: Sources) -> None:
    values = grafana.resolve(board, sources, CHOSEN)
    nothing: list[str] = []
    for panel, target, expr in queries(board, values):
        if (board["uid"], panel["title"]) in QUIET:
            assert sources.run(target, expr) == []
            assert expr.endswith(" > 0")
            expr = expr.removesuffix(" > 0") + " >= 0"
        series = [each for each in sources.run(target, expr) if finite(each)]
        missing = expected_labels(panel, target) - labels_of(series)
        if not series or missing:
            nothing.append(f"{panel['title']} ({target['refId']}): {f'no {missing}' if series else 'no data'}: {expr}")
    assert nothing == []


def test_every_query_is_understood_when_one_value_is_chosen(board: Json, sources: Sources) -> None:
    values = grafana.resolve(board, sources, CHOSEN, narrowed=True)
    for _, target, expr in queries(board, values):
        sources.run(target, expr)
    prometheus: dict[str, Any] = {"datasource": {"type": "prometheus"}, "instant": True}
    for annotation in board["annotations"]["list"]:
        sources.run(prometheus, grafana.fill_in(annotation["expr"], values))


def test_overrides_name_columns_and_lines_that_there_are(board: Json) -> None:
    for panel in grafana.panels(board):
        names = {target.get("legendFormat") for target in panel["targets"]}
        for change in panel.get("transformations", []):
            names |= set(change["options"].get("renameByName", {}).values())
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            of_severity = {"critical", "warning", "info"} if "{{severity}}" in names else set()
            assert override["matcher"]["options"] in names | of_severity, panel["title"]


def test_the_files_are_plain_json_that_can_be_imported() -> None:
    for file in (content.folder("deploy") / "monitoring" / "dashboards").iterdir():
        assert file.suffix == ".json"
        board = json.loads(file.read_text(encoding="utf-8"))
        assert "<<" not in json.dumps(board)
        assert not {"__inputs", "__requires"} & board.keys()


def test_what_the_monitors_name_is_what_the_queries_ask_for() -> None:
    """The labels that a scrape adds depend on the monitor: its kind, and whether it honours those of the target."""
    monitors = {
        each["metadata"]["name"]: each for each in grafana.monitoring("aws") if each["kind"].endswith("Monitor")
    }
    assert not any(each.get("honorLabels") for each in monitors["ingress-nginx"]["spec"]["endpoints"])
    assert "exported_namespace" in json.dumps(BOARDS["hubops-ingress"])
    # A PodMonitor adds no label `service`: a service is its job, named after the pod's label.
    assert monitors["application-api"]["kind"] == "PodMonitor"
    assert monitors["application-api"]["spec"]["jobLabel"] == "app.kubernetes.io/name"
    for uid in ("hubops-api", "hubops-kafka", "hubops-redis", "hubops-timescaledb"):
        asked = [target["expr"] for _, target in grafana.targets(BOARDS[uid])]
        assert not any(re.search(r"\bservice\s*=|by \([^)]*\bservice\b", expr) for expr in asked)
