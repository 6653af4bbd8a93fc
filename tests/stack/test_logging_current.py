"""Logs of the newer stack: Loki 3 takes its settings, and Alloy makes of lines what promtail makes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.alloy import Sent, configuration, through
from tests.stack.logs import loki_settings, promtail_settings, refusal
from tests.stack.rendered import SITES, component, site
from tests.stack.test_logging import API, BURST, FLOOD, HARMLESS, LEVELS, SECRETS, pods

CURRENT = "stack-current.yaml"


@pytest.mark.parametrize("name", SITES)
def test_loki_3_takes_its_settings(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path, settings(name)) == ""


def settings(name: str) -> dict[str, Any]:
    """Loki's configuration as the newer chart writes it: the same way as the older one."""
    loki = component(name, "loki", CURRENT).chart_values()["loki"]
    assert yaml.safe_load(loki["config"]) == {}
    return dict(loki["structuredConfig"])


@pytest.mark.parametrize("name", SITES)
def test_what_was_written_is_still_found_and_still_deleted(name: str) -> None:
    """Index and chunks are where they were, in the same periods, and what deletes is on."""
    before, after = loki_settings(name), settings(name)
    assert after["schema_config"] == before["schema_config"]
    for store in ("aws", "gcs", "azure"):
        assert after["storage_config"].get(store) == before["storage_config"].get(store)
    [period] = after["schema_config"]["configs"]
    assert after["compactor"]["delete_request_store"] == period["object_store"]
    assert after["compactor"]["retention_enabled"]
    assert after["limits_config"]["retention_period"] == f"{site(name).logging.retention_days * 24}h"
    assert component(name, "loki", CURRENT).chart_values()["compactor"]["replicas"] == 1


@pytest.mark.parametrize("name", SITES)
def test_alloy_does_what_promtail_does_in_the_same_order(name: str) -> None:
    [scraped] = promtail_settings(name)["scrape_configs"]
    text = configuration(name)
    decisive = [*expressions(scraped["relabel_configs"]), *expressions(scraped["pipeline_stages"])]
    assert len(decisive) > 20
    for wanted in decisive:
        _, found, text = text.partition(wanted)
        assert found, wanted


#: What decides; a collector writes the rest, such as names of labels, in an order of its own.
DECIDE = {"regex", "selector", "firstline", "expression", "expressions", "template"}


def expressions(settings: object, decides: bool = False) -> Iterator[str]:
    """The expressions and templates in *settings*, in their order. A word alone is a name."""
    if isinstance(settings, str):
        if decides and re.search(r"\W", settings):
            yield settings
    elif isinstance(settings, dict):
        for key, value in settings.items():
            yield from expressions(value, decides or key in DECIDE)
    elif isinstance(settings, list):
        for value in settings:
            yield from expressions(value, decides)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> list[Sent]:
    """What Alloy sends of the pods that promtail's tests have, with a limit that a slow machine reaches, too."""
    narrow = re.sub(r"\brate( *)= 2000\b", r"rate\1= 1", configuration("aws"))
    narrow = re.sub(r"\bburst( *)= 20000\b", rf"burst\1= {BURST}", narrow)
    return through(tmp_path_factory.mktemp("alloy"), narrow, pods())


def of(sent: list[Sent], app: str) -> list[Sent]:
    return [each for each in sent if each.labels["app"] == app]


def test_levels_and_stack_traces(sent: list[Sent]) -> None:
    """What belongs together is one line with the level of its beginning; probes that succeeded are gone."""
    expected = [(kept or raw, level) for raw, kept, level in API if level]
    found = [(each.line, each.labels["level"]) for each in of(sent, "llm-analytics-api")]
    assert sorted(found) == sorted([*expected, ("the end of noise", "unknown")])


def test_secrets_are_not_kept(sent: list[Sent]) -> None:
    expected = [*(template.replace("…", "<redacted>") for template, _ in SECRETS), *HARMLESS]
    # Only within a level do lines keep their order.
    assert sorted(each.line for each in of(sent, "llm-analytics-ingestion")) == sorted(expected)


def test_labels_are_few_and_bounded(sent: list[Sent]) -> None:
    allowed = {"cluster", "namespace", "pod", "container", "app", "instance", "component", "node_name", "job", "stream",
               "level", "status_class", "ingress"}  # fmt: skip
    assert {name for each in sent for name in each.labels} <= allowed
    assert {each.labels["level"] for each in sent} <= LEVELS
    assert {each.labels["cluster"] for each in sent} == {"prod-eu"}
    [api] = [each for each in of(sent, "llm-analytics-api") if "slow" in each.line]
    assert api.labels | {
        "namespace": "llm-analytics", "pod": "llm-analytics-api-7d9c8b6f5-x2x4z", "container": "main",
        "node_name": "node-1", "job": "llm-analytics/llm-analytics-api", "stream": "stdout",
    } == api.labels  # fmt: skip


def test_app_is_the_controller_where_no_label_says(sent: list[Sent]) -> None:
    assert [each.line for each in of(sent, "report")] == ["report written"]
    assert [each.line for each in of(sent, "web")] == ["web started"]


def test_access_logs_have_a_level_by_status(sent: list[Sent]) -> None:
    found = [each for each in sent if each.labels["namespace"] == "ingress-nginx"]
    assert [(each.labels["status_class"], each.labels["level"]) for each in found] == [
        ("2xx", "info"), ("5xx", "error"), ("4xx", "warn"),
    ]  # fmt: skip
    assert [json.loads(each.line)["status"] for each in found] == [200, 502, 404]


def test_a_flood_is_cut(sent: list[Sent]) -> None:
    assert FLOOD > BURST
    assert BURST <= len(of(sent, "flood")) <= BURST + 60  # one a second more


def test_only_the_applications_lines_are_joined(sent: list[Sent]) -> None:
    assert [each.line for each in of(sent, "glued")] == ["first", "  second"]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("max_lines", "max_line", "max_line"),
        ("stage.label_drop", "stage.labeldrop", "labeldrop"),
        ("loki.write.loki.receiver", "loki.write.lokki.receiver", "lokki"),
        ("batch_wait ", "batchwait ", "batchwait"),
        ("(?P<status_class>", "(?P<status_class", "error parsing regexp|invalid regex|missing"),
    ],
)
def test_alloy_refuses_what_it_does_not_know(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    text = configuration("aws")
    assert right in text
    with pytest.raises(ValueError, match=said):
        through(tmp_path, text.replace(right, wrong, 1), ())


@pytest.mark.parametrize("name", SITES)
def test_the_first_start_goes_on_where_promtail_stopped(name: str) -> None:
    """Alloy reads promtail's positions where promtail keeps them, and keeps its own on the node, too."""
    positions = promtail_settings(name)["positions"]["filename"]
    assert f'legacy_positions_file = "{positions}"' in configuration(name)
    values = component(name, "alloy", CURRENT).chart_values()
    volumes = {each["name"]: each["hostPath"]["path"] for each in values["controller"]["volumes"]["extra"]}
    mounts = {each["mountPath"]: volumes[each["name"]] for each in values["alloy"]["mounts"]["extra"]}
    folder = str(Path(positions).parent)
    assert mounts == {folder: folder, values["alloy"]["storagePath"]: values["alloy"]["storagePath"]}


@pytest.mark.parametrize("name", SITES)
def test_grafana_and_the_host_find_loki(name: str) -> None:
    made = {each["metadata"]["name"]: each for each in component(name, "loki", CURRENT).objects()}
    source = made["grafana-datasource-loki"]
    assert "http://loki-gateway.logging.svc.cluster.local\n" in source["data"]["loki.yaml"]
    backends = {
        path["backend"]["service"]["name"]
        for each in component(name, "hosts", CURRENT).objects()
        if each["kind"] == "Ingress" and each["metadata"]["namespace"] == "logging"
        for rule in each["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert backends == {"loki-gateway"}
