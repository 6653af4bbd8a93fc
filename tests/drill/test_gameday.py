"""Game days: what is measured, what the shipped scenarios hold, and one that is walked through on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from hubops import content
from hubops.drill.gameday import walk
from hubops.drill.gameday.scenarios import scenarios
from hubops.errors import ConfigError
from hubops.journal.gamedays import bounded, encode
from hubops.model.backup import VeleroBackupRecord
from hubops.model.gameday import GameDay
from hubops.report.runbook import SECTIONS
from tests.backup.runs import NOON, PROMISED, run
from tests.end_to_end.program import COMMAND, Program
from tests.testbed.bed import Testbed
from tests.testbed.process import poll

SHIPPED = scenarios()
_TAKEN = run(
    "velero", ago=timedelta(hours=3),
    velero=VeleroBackupRecord(name="daily-1", uid="u", phase="Completed"),
)  # fmt: skip


def begun(name: str = "lost-namespace") -> GameDay:
    return walk.begin(
        name, SHIPPED[name], NOON, cluster="prod", host="h", names={"namespace": "shop"}, promised={"velero": PROMISED}
    )


def played(*answers: str, minutes: int = 10) -> GameDay:
    """*answers* to the steps of lost-namespace, one every ten minutes."""
    day, scenario = begun(), SHIPPED["lost-namespace"]
    for number, answer in enumerate(answers, 1):
        step = walk.current(day, scenario)
        assert step
        at = NOON + timedelta(minutes=minutes * number)
        day = walk.answered(day, step, {"d": "done", "f": "failed", "s": "skipped"}[answer], at, [_TAKEN])  # type: ignore[arg-type]
    return day if walk.current(day, scenario) else walk.finished(day, ["Sleep."], NOON + timedelta(hours=3))


def test_the_stopwatch_measures_from_the_loss() -> None:
    day = played(*"dddddddd")
    assert walk.current(day, SHIPPED["lost-namespace"]) is None
    assert (day.detect_s, day.decide_s, day.restore_s, day.rto_s) == (600, 1200, 1200, 3000)
    assert (day.backup, day.rpo_s, day.outcome) == ("daily-1", 3 * 3600 + 1200, "succeeded")


@pytest.mark.parametrize(
    ("answers", "rto", "outcome"),
    [
        ("dddddd", None, "failed"),  # broken off
        ("ddddddfd", None, "failed"),  # it was not whole
        ("ddddddsd", None, "failed"),  # nobody looked
        ("dddddfdd", 3000, "partial"),
        ("ddsddddd", 3000, "partial"),
        ("dsdddddd", None, "failed"),  # nothing was lost
    ],
)
def test_what_was_not_restored_is_not_called_so(answers: str, rto: float | None, outcome: str) -> None:
    day = played(*answers)
    assert (day.rto_s, day.outcome) == (rto, outcome)


def test_a_clock_that_is_set_back_makes_no_time_negative() -> None:
    assert played(*"dddddddd", minutes=-10).rto_s == 0


@pytest.mark.parametrize("name", SHIPPED)
def test_a_scenario_names_runbooks_that_there_are_and_shows_commands(name: str) -> None:
    runbooks = content.runbooks()
    phases = [step.phase for step in SHIPPED[name].steps]
    assert phases.index("loss") < phases.index("detect") < phases.index("decide") < phases.index("restore")
    for step in SHIPPED[name].steps:
        assert step.inject or step.find_out
        assert not step.runbook or (step.runbook in runbooks and step.section in SECTIONS)
        for word in re.findall(r"\{([a-z]+)\}", " ".join(step.commands)):
            assert word in SHIPPED[name].names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "title: x\nabout: y\nkinds: [velero]\nsteps: [{title: a, phase: prepare}]\n",
            "no step of phase decide, detect",
        ),
        ("title: x\nabout: y\nkinds: [velero]\nsteps: [{title: a, phase: lunch}]\n", "Invalid enum value"),
        ("title: x\nsurprise: y\n", "surprise"),
    ],
)
def test_a_scenario_that_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"own\.yaml: .*{said}"):
        scenarios(tmp_path)


def test_the_journal_keeps_the_newest_and_what_it_cannot_read() -> None:
    days = [replace(begun(), id=f"gameday-{n}", started_at=NOON + timedelta(days=n)) for n in range(45)]
    kept = bounded({day.id: encode(day) for day in days} | {"note": "of somebody"})
    assert set(kept) == {"note", *(f"gameday-{n}" for n in range(5, 45))}


def test_a_record_is_never_too_long() -> None:
    day = begun()
    for _ in range(40):
        day = walk.noted(day, "x" * 2000, NOON)
    step = SHIPPED["lost-namespace"].steps[0]
    for _ in range(8):
        day = replace(walk.answered(day, step, "done", NOON, []), notes=day.notes)
    day = replace(day, notes=())
    assert len(json.dumps(to_builtins(day))) > 16 * 2**10
    assert len(encode(day)) < 16 * 2**10


# On a terminal


class Terminal:
    """hubops on a terminal of its own, and who sits before it."""

    def __init__(self, program: Program, *words: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, "drill", "gameday", *words], stdin=slave, stdout=slave, stderr=slave, cwd=program.home,
            env=program.environment(TERM="dumb"), start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def answer(self, text: str, after: str) -> None:
        """Wait until it says *after*, behind all that was answered before, and type *text*."""
        self.wait(after)
        self.seen = self.seen[self.seen.index(after) + len(after) :]
        os.write(self.master, f"{text}\n".encode())

    def wait(self, words: str) -> None:
        while words not in self.seen:
            assert select.select([self.master], [], [], 30)[0], f"it never said {words!r}:\n{self.seen}"
            try:
                self.seen += os.read(self.master, 65536).decode()
            except OSError:
                raise AssertionError(f"it ended without {words!r}:\n{self.seen}") from None

    def end(self) -> int:
        try:
            while data := os.read(self.master, 65536):
                self.seen += data.decode()
        except OSError:
            pass  # the other end is closed
        os.close(self.master)
        return self.process.wait(180)


@pytest.fixture(scope="module")
def program(bare_testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    home = tmp_path_factory.mktemp("gameday")
    settings = {"cluster": "test", "backup": {"directory": str(home / "state"), "velero": {}}}
    (home / "hubops.yaml").write_text(json.dumps(settings))
    bare_testbed.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gameday-shop"}})
    yield Program(home, bare_testbed.kubeconfig)
    for kind, namespace, name in (("ConfigMap", "hubops", "journal-gamedays"), ("Namespace", None, "gameday-shop")):
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        bare_testbed.api.delete({"apiVersion": "v1", "kind": kind, "metadata": metadata})


_ASK = "uit and go on later:"


def test_it_is_walked_through_lost_and_gone_on_with_and_recorded(program: Program, bare_testbed: Testbed) -> None:
    first = Terminal(program, "lost-namespace")
    first.wait("gameday-shop")
    first.answer("gameday-shop", "the namespace that is lost:")
    first.wait("kubectl get all,persistentvolumeclaims -n gameday-shop")
    first.answer("d", _ASK)
    first.answer("n", _ASK)
    first.answer("Bob was \x1b[31mon holiday", "Note:")
    first.wait(_ASK)
    (state,) = (program.home / "state" / "gamedays").iterdir()
    poll(lambda: "Bob was" in state.read_text(), "the note is kept")
    os.kill(first.process.pid, signal.SIGHUP)
    first.end()

    second = Terminal(program, "lost-namespace")
    second.wait("goes on")
    second.answer("d", "Step 2 of 8")
    for number in range(3, 9):
        second.wait("loss +")
        second.answer("d" if number != 5 else "s", f"Step {number} of 8")
    second.answer("Alert on namespaces that go; Bob, 1 August", "Action 1:")
    second.answer("", "Action 2:")
    second.wait("Protocol:")
    assert second.end() == 2  # a step was left out
    assert "waits on this machine" not in second.seen

    recorded = bare_testbed.api.get("ConfigMap", "hubops", "journal-gamedays") or {}
    (name,) = recorded["data"]
    assert list((program.home / "state" / "gamedays").glob("*.json")) == []
    listed = program("drill", "gameday", "--list")
    assert (listed.code, name in listed.out, " partial " in listed.out) == (0, True, True)
    shown = program("drill", "show", name)
    for part in ("lost-namespace", "Bob was \\x1b[31mon holiday", "SKIPPED", "Alert on namespaces that go"):
        assert part in shown.out
    assert "RTO: from the loss until it was restored" in shown.out
    kept = program.home / "state" / "gamedays" / f"{name}.html"
    assert program("drill", "show", name, "--output", "html").out == kept.read_text(encoding="utf-8")
    assert json.loads(program("drill", "show", name, "--output", "json").out)["actions"] == [
        "Alert on namespaces that go; Bob, 1 August"
    ]


def test_without_a_terminal_it_says_so_and_asks_nobody(program: Program) -> None:
    done = program("drill", "gameday", "lost-node", "--set", "node=x")
    assert done.code == 64
    done.only_says("run it in a terminal")
    overview = program("drill", "gameday")
    assert (overview.code, all(name in overview.out for name in SHIPPED)) == (0, True)
    missing = program("drill", "gameday", "lost-keys")
    assert missing.code == 64
    missing.only_says("there are lost-cluster, lost-namespace, lost-node")
