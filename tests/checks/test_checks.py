"""Every check has a runbook and fixtures; what fires, fires and says what is expected; what is quiet, stays quiet."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hubops.config import Config
from hubops.engine import catalog
from hubops.engine.probes import PROBES
from hubops.engine.runner import Outcome, run
from hubops.model.check import Check
from hubops.model.finding import Finding
from tests.checks import fixture
from tests.checks.fixture import Expected, Fixture

HERE = Path(__file__).parent
CATALOG = catalog.load()
CHECKS = {check.id: check for check in CATALOG.checks if check.id != "ignore-expired"}


def files(pattern: str) -> list[Path]:
    """The fixtures of that name, of single checks; those of the whole catalog stand in _together."""
    return sorted(path for path in HERE.glob(f"*/{pattern}.yaml") if path.parent.name != "_together")


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def judge(path: Path, checks: list[Check]) -> tuple[Fixture, Outcome]:
    read = fixture.load(path)
    return read, run(fixture.snapshot(read, checks), checks, Config())


def test_the_catalog_has_no_problem() -> None:
    assert CATALOG.problems == ()


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_has_a_runbook_and_fixtures_that_fire_and_stay_quiet(name: str) -> None:
    assert (HERE.parents[1] / "runbooks" / f"{name}.md").is_file()
    assert list((HERE / name).glob("fires*.yaml"))
    assert list((HERE / name).glob("quiet*.yaml"))


def test_every_fixture_belongs_to_a_check() -> None:
    paths = [path for path in HERE.glob("*/*.yaml") if path.parent.name != "_together"]
    assert {path.parent.name for path in paths} == set(CHECKS)
    assert not [named(path) for path in paths if not path.stem.startswith(("fires", "quiet", "unknown", "skipped"))]


@pytest.mark.parametrize("path", files("fires*"), ids=named)
def test_fires(path: Path) -> None:
    read, outcome = judge(path, [CHECKS[path.parent.name]])
    assert [result.status for result in outcome.results] == ["fired"], outcome.results
    compare(outcome.findings, read.expect, path.parent.name)


@pytest.mark.parametrize("path", files("quiet*"), ids=named)
def test_stays_quiet(path: Path) -> None:
    read, outcome = judge(path, [CHECKS[path.parent.name]])
    assert not read.expect
    assert outcome.findings == ()
    assert [result.status for result in outcome.results] == ["passed"], outcome.results
    assert outcome.results[0].examined > 0, "a fixture with nothing to look at proves nothing"


@pytest.mark.parametrize("path", files("unknown*"), ids=named)
def test_is_unknown_rather_than_passed(path: Path) -> None:
    _, outcome = judge(path, [CHECKS[path.parent.name]])
    assert outcome.findings == ()
    assert [result.status for result in outcome.results] == ["unknown"]


@pytest.mark.parametrize("path", files("skipped*"), ids=named)
def test_is_skipped_where_there_is_nothing_to_look_at(path: Path) -> None:
    _, outcome = judge(path, [CHECKS[path.parent.name]])
    assert outcome.findings == ()
    assert [result.status for result in outcome.results] == ["skipped"]
    assert outcome.results[0].reason


@pytest.mark.parametrize("path", sorted((HERE / "_together").glob("*.yaml")), ids=named)
def test_one_fault_is_one_finding(path: Path) -> None:
    """The whole catalog on one cluster: the cause is reported, and what follows from it stands under it."""
    read, outcome = judge(path, list(CHECKS.values()))
    undecided = [result for result in outcome.results if result.status == "unknown"]
    assert {result.id for result in undecided} <= {name for name, check in CHECKS.items() if asks(check)}
    compare(outcome.findings, read.expect)


def asks(check: Check) -> bool:
    """Whether *check* needs an answer of Prometheus or Loki, which most fixtures here do not have."""
    examined = PROBES[check.probe].examines if check.probe else ""
    return check.examines is not None or examined.startswith(("promql:", "logql:"))


def compare(findings: tuple[Finding, ...], expected: tuple[Expected, ...], of: str = "") -> None:
    """The findings are those expected, no more and no fewer, and say what is expected of them."""
    found = {(item.check, str(item.ref)): item for item in findings}
    wanted = {(item.check or of, item.ref): item for item in expected}
    assert sorted(found) == sorted(wanted), "\n".join(f"{item.check} {item.ref}: {item.summary}" for item in findings)
    for name, item in wanted.items():
        one = found[name]
        shown = msgspec.json.format(msgspec.json.encode(one)).decode()
        assert (one.severity, one.affected) == (item.severity, item.affected), shown
        assert not [words for words in item.summary if words not in one.summary], shown
        text = "\n".join(evidence.text for evidence in one.evidence)
        assert not [words for words in item.evidence if words not in text], shown
        assert item.pieces in (None, len(one.evidence)), shown
        assert item.details.items() <= one.details.items(), shown
        assert sorted(symptom.check for symptom in one.symptoms) == sorted(item.symptoms), shown
        assert item.since in (None, one.since), shown
