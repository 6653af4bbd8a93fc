from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubops.config import Config, convert
from hubops.engine.catalog import Catalog, load
from hubops.engine.ignores import IGNORE_EXPIRED
from hubops.engine.probe import probe
from hubops.engine.view import View
from hubops.errors import ConfigError, UsageError
from hubops.model.finding import Hit


@probe(needs=("pods",))
def crash_looping(view: View, *, restarts: int, within: timedelta) -> Iterator[Hit]:
    """Nothing."""
    yield from ()


PROBES = {"crash_looping": crash_looping}


class Folders:
    """A catalog of files that a test writes."""

    def __init__(self, root: Path) -> None:
        self.shipped = root / "shipped"
        self.own = root / "own"
        for folder in (self.shipped, self.own):
            folder.mkdir()
        self.write(
            "pod-crash-looping", self.shipped, probe="crash_looping", **{"with": {"restarts": 3, "within": "1h"}}
        )

    def write(self, name: str, folder: Path | None = None, **fields: Any) -> None:
        given = {"id": name, "title": "T", "rounds": ["daily"], "severity": "info", **fields}
        content = {key: value for key, value in given.items() if value is not None}
        self.text(name, yaml.safe_dump(content), folder)

    def text(self, name: str, content: str, folder: Path | None = None) -> None:
        ((folder or self.own) / f"{name}.yaml").write_text(content)

    def load(self, config: dict[str, Any] | None = None) -> Catalog:
        own = [self.own] if any(self.own.iterdir()) else []
        return load(own, convert(config or {}, Config, "x"), shipped=self.shipped, probes=PROBES)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def ids(catalog: Catalog) -> list[str]:
    return [check.id for check in catalog.checks]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sevrity": "info"}, "unknown key 'sevrity'; did you mean 'severity'?"),
        ({"origin": "x"}, "unknown key 'origin'"),
        ({"title": None, "promql": "up"}, "key 'title' is missing"),
        ({"title": 3, "promql": "up"}, "title: must be text: write it in quotes"),
        ({"rounds": ["dayly"]}, "rounds[0]: 'dayly' is not one of daily, weekly, monthly"),
        ({"rounds": [], "promql": "up"}, "rounds: at least one of daily, weekly, monthly"),
        ({"id": "other", "promql": "up"}, "id: 'other' is not the name of the file"),
        ({}, "one of probe, promql, logql, cel has to decide, and this has none"),
        ({"promql": "up", "probe": "crash_looping"}, "has to decide, and this has probe and promql"),
        ({"probe": "crash_loping"}, "probe: there is no probe 'crash_loping'; did you mean 'crash_looping'?"),
        ({"probe": "crash_looping"}, "with.restarts: is missing, and probe crash_looping needs it"),
        (
            {"probe": "crash_looping", "with": {"restarts": 3, "within": "soon"}},
            "with.within: 'soon' is not a duration",
        ),
        (
            {"probe": "crash_looping", "with": {"restart": 3, "within": "1h"}},
            "with.restart: probe crash_looping takes no such parameter; did you mean 'restarts'?",
        ),
        (
            {"probe": "crash_looping", "with": {"restarts": 3, "within": "1h"}, "summary": "x"},
            "summary: belongs to promql and logql and cel checks, and this is a probe check",
        ),
        (
            {"promql": "up < $ratio", "with": {"ration": 1}},
            "promql: $ratio has no value under with; did you mean 'ration'?",
        ),
        ({"promql": "up", "examines": {"query": "up > $n"}}, "examines.query: $n has no value under with"),
        (
            {"promql": "up", "examines": {"query": "up", "of": "Pood"}},
            "examines.of: unknown kind 'Pood'; did you mean 'Pod'?",
        ),
        ({"promql": "up", "with": {"n": 1}}, "with.n: nothing in this check uses $n"),
        ({"promql": "up > $n", "with": {"n": [1]}}, "with.n: a query takes numbers and texts, not [1]"),
        ({"promql": "up", "kind": "Pod"}, "kind: belongs to cel checks, and this is a promql check"),
        ({"promql": "up", "summary": "{nmae} fails"}, "summary: there is no {nmae} ({labels.<name>} is possible)"),
        ({"promql": "up", "summary": "{object.spec} fails"}, "summary: there is no {object.spec}"),
        ({"promql": "up", "ref": {"kind": "Pod", "nam": "pod"}}, "unknown key 'ref.nam'; did you mean 'name'?"),
        (
            {"promql": "up", "symptom_of": ["pod-crash-loping"]},
            "there is no other check 'pod-crash-loping'; did you mean",
        ),
        ({"promql": "up", "symptom_of": ["bad"]}, "symptom_of: there is no other check 'bad'"),
        ({"cel": "object.spec.x == 1"}, "kind is missing"),
        ({"cel": "object.spec.x == 1", "kind": "Pood"}, "kind: unknown kind 'Pood' (custom resources are written like"),
        ({"cel": "object.data.x == 1", "kind": "Secret"}, "kind: hubops reads no Secrets"),
        ({"cel": "object.spec.x ==", "kind": "Pod"}, "cel: line 1, column 17: Syntax error"),
        ({"cel": "object.spec.x == 1", "kind": "Pod", "since": "1 +"}, "since: line 1, column 4: Syntax error"),
        ({"cel": "object.spec.x == 1", "kind": "Pod", "summary": "{value}"}, "summary: there is no {value}"),
        ({"cel": "object.spec.x == 1", "kind": "Pod", "value": {"unit": "x"}}, "value: belongs to promql and logql"),
    ],
)
def test_one_sentence_names_file_and_key_and_the_rest_stays(
    folders: Folders, fields: dict[str, Any], message: str
) -> None:
    folders.write("bad", **fields)
    folders.write("good", promql="up == 0")
    catalog = folders.load()
    assert ids(catalog) == ["good", "ignore-expired", "pod-crash-looping"]
    (problem,) = catalog.problems
    assert problem.check == "bad"
    assert problem.message.startswith(f"{folders.own}/bad.yaml: ")
    assert message in problem.message
    assert "\n" not in problem.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: [a", "not YAML: while parsing a flow sequence at line 1"),
        ("id: bad\nid: bad\n", "not YAML: key 'id' is written twice at line 2, column 1"),
        ("", "a check is a mapping of keys, and this is empty"),
        ("- id: bad", "a check is a mapping of keys, and this is not one"),
        ("id: \x01", "not YAML: unacceptable character"),
        ("id: !!python/object/apply:os.system [id]", "not YAML: could not determine a constructor"),
        ("a: 2026-13-01", "not YAML: month must be in 1..12"),
        ("{" * 5000, "not YAML: "),
    ],
)
def test_what_is_no_check_at_all(folders: Folders, text: str, message: str) -> None:
    folders.text("bad", text)
    catalog = folders.load()
    assert [problem.check for problem in catalog.problems] == ["bad"]
    assert f"{folders.own}/bad.yaml: {message}" in catalog.problems[0].message


def test_a_file_that_cannot_be_read_is_a_problem(folders: Folders) -> None:
    (folders.own / "bad.yaml").symlink_to(folders.own / "gone")
    (folders.own / "latin.yaml").write_bytes(b"title: \xe9")
    messages = {problem.check: problem.message for problem in folders.load().problems}
    assert messages["bad"].endswith("bad.yaml: No such file or directory")
    assert "latin.yaml: not YAML: " in messages["latin"]


def test_an_id_belongs_to_one_file(folders: Folders) -> None:
    folders.write("pod-crash-looping", promql="up")
    catalog = folders.load()
    assert catalog.get("pod-crash-looping").probe == "crash_looping"
    (problem,) = catalog.problems
    assert problem.message == (
        f"{folders.own}/pod-crash-looping.yaml: id: 'pod-crash-looping' is already the id of "
        "hubops/checks/pod-crash-looping.yaml"
    )


def test_a_folder_without_checks_is_no_silent_success(folders: Folders, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    catalog = load([empty, tmp_path / "gone"], shipped=folders.shipped, probes=PROBES)
    assert [problem.message for problem in catalog.problems] == [
        f"{empty}: there is no check file (*.yaml) in this folder",
        f"{tmp_path / 'gone'}: No such file or directory",
    ]


def test_naming_a_check_that_cannot_be_used_is_no_second_problem(folders: Folders) -> None:
    folders.write("bad")
    folders.write("good", promql="up", symptom_of=["bad"])
    catalog = folders.load({"checks": {"bad": {"severity": "info"}}})
    assert [problem.check for problem in catalog.problems] == ["bad"]
    assert "good" in ids(catalog)


@pytest.mark.parametrize(
    ("settings", "check", "message"),
    [
        ({"pod-crash-loping": {}}, "pod-crash-loping", "checks.pod-crash-loping: there is no such check; did you mean"),
        (
            {"pod-crash-looping": {"with": {"restarts": "many"}}},
            "pod-crash-looping",
            "checks.pod-crash-looping.with.restarts: expected int, got str",
        ),
        (
            {"pod-crash-looping": {"namespaces": {"data": {"withn": "2h"}}}},
            "pod-crash-looping",
            "checks.pod-crash-looping.namespaces.data.withn: probe crash_looping takes no such parameter; did you mean",
        ),
        ({"query": {"with": {"n": "x"}}}, "query", "checks.query.with.n: expected a number such as 3, got 'x'"),
        (
            {"query": {"namespaces": {"a": {"m": 1}}}},
            "query",
            "checks.query.namespaces.a.m: the check has no such threshold; known: n",
        ),
    ],
)
def test_settings_are_judged_like_the_files(
    folders: Folders, settings: dict[str, Any], check: str, message: str
) -> None:
    folders.text("query", "id: query\ntitle: T\nrounds: [daily]\nseverity: info\npromql: up < $n\nwith: {n: 3}\n")
    catalog = folders.load({"checks": settings})
    (problem,) = catalog.problems
    assert problem.check == check
    assert message in problem.message
    assert problem.message.startswith("hubops.yaml: ")
    assert check not in ids(catalog), "a check never runs with thresholds that nobody meant"


def test_what_was_asked_for_is_selected(folders: Folders) -> None:
    folders.write("monthly-thing", promql="up", rounds=["monthly"])
    folders.write("bad")
    catalog = folders.load()
    assert [check.id for check in catalog.of_round("daily")] == ["ignore-expired", "pod-crash-looping"]
    assert [check.id for check in catalog.named(["monthly-thing", "pod-crash-looping", "monthly-thing"])] == [
        "monthly-thing",
        "pod-crash-looping",
    ]
    with pytest.raises(UsageError, match="there is no check 'pod-crash-loping'; did you mean 'pod-crash-looping'"):
        catalog.named(["pod-crash-loping"])
    with pytest.raises(ConfigError, match=r"bad\.yaml: one of probe"):
        catalog.named(["bad"])


def test_a_check_knows_its_file(folders: Folders) -> None:
    folders.write("good", promql="up")
    origins = {check.id: check.origin for check in folders.load().checks}
    assert origins == {
        "good": f"{folders.own}/good.yaml",
        "pod-crash-looping": "hubops/checks/pod-crash-looping.yaml",
        IGNORE_EXPIRED.id: "hubops",
    }


def test_an_ignore_can_be_configured_like_any_check(folders: Folders) -> None:
    assert folders.load({"checks": {"ignore-expired": {"severity": "warning", "enabled": False}}}).problems == ()


def test_an_ignore_of_a_check_that_does_not_exist_is_named(folders: Folders) -> None:
    def problems(*names: str) -> list[str]:
        ignores = [{"check": name, "reason": "r"} for name in names]
        return [problem.message for problem in folders.load({"ignores": ignores}).problems]

    assert problems("pod-crash-looping", "pod-*", "*", "ignore-expired") == []
    assert problems("*", "pod-crash-lopping") == [
        "hubops.yaml: ignores[1].check: there is no check 'pod-crash-lopping'; did you mean 'pod-crash-looping'?"
    ]
    assert problems("nothing-*") == [
        "hubops.yaml: ignores[0].check: there is no check 'nothing-*'; known: ignore-expired, pod-crash-looping"
    ]


def test_an_ignore_of_a_check_whose_file_is_broken_is_none_of_the_problems(folders: Folders) -> None:
    folders.text("mine", "id: [")
    (problem,) = folders.load({"ignores": [{"check": "mine", "reason": "r"}]}).problems
    assert problem.check == "mine"
    assert "ignores" not in problem.message
