"""Where reports go, the exit codes that stand for the verdict, and runs that are cut short."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.config import Config
from hubops.engine import catalog
from hubops.engine.rights import dependents
from tests.clients.server import Server
from tests.end_to_end.program import COMMAND, DAILY, Program, hanging, together
from tests.end_to_end.rights import rules
from tests.testbed.bed import Testbed
from tests.testbed.faults import FAULTS
from tests.testbed.faults.injected import injected
from tests.testbed.process import poll

FORMATS = ("rich", "plain", "json", "markdown")


@pytest.fixture(scope="module")
def verdicts(testbed: Testbed, healthy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Snapshots by their verdict: ok, unknown, warning and critical."""
    program = Program(tmp_path_factory.mktemp("verdicts"), testbed.kubeconfig)
    account = testbed.service_account("default", "no-certificates", *rules("certificates.cert-manager.io"))
    assert program("snapshot", "save", "unknown.gz", kubeconfig=account).code == 3
    for name, fault in (("warning", FAULTS["pvc-pending/no-class"]), ("critical", FAULTS["pod-crash-looping"])):
        with injected(testbed, fault):
            assert program("snapshot", "save", f"{name}.gz").code == 0
    return {"ok": healthy} | {name: program.home / f"{name}.gz" for name in ("unknown", "warning", "critical")}


@pytest.mark.parametrize(
    ("fail_on", "codes"),
    [
        ("critical", {"ok": 0, "unknown": 0, "warning": 0, "critical": 2}),
        ("warning", {"ok": 0, "unknown": 0, "warning": 1, "critical": 2}),
        ("unknown", {"ok": 0, "unknown": 3, "warning": 1, "critical": 2}),
        ("never", {"ok": 0, "unknown": 0, "warning": 0, "critical": 0}),
    ],
)
def test_fail_on(offline: Program, verdicts: dict[str, Path], fail_on: str, codes: dict[str, int]) -> None:
    runs = together(lambda name: offline.json("daily", "--snapshot", verdicts[name], "--fail-on", fail_on), codes)
    for verdict, done in zip(codes, runs, strict=True):
        assert (done.report["verdict"], done.code) == (verdict, codes[verdict])


def test_several_at_once(offline: Program, verdicts: dict[str, Path]) -> None:
    files = [flag for name in FORMATS for flag in ("--output", f"{name}=report.{name}")]
    done = offline("daily", "--snapshot", verdicts["critical"], *files, "--output", "plain")
    assert done.code == 2
    assert done.out.startswith("VERDICT")
    assert json.loads((offline.home / "report.json").read_text())["verdict"] == "critical"
    assert "CRITICAL" in (offline.home / "report.rich").read_text()
    assert "\x1b" not in (offline.home / "report.rich").read_text()
    assert (offline.home / "report.markdown").read_text().startswith("# ")


def test_a_file_that_cannot_be_written_takes_nothing_else_along(offline: Program, verdicts: dict[str, Path]) -> None:
    full = ("--output", "json=/dev/full", "--output", "markdown=report.md", "--output", "rich")
    done = offline("daily", "--snapshot", verdicts["critical"], *full)
    assert (done.code, done.err) == (64, "hubops: cannot write /dev/full: No space left on device\n")
    assert "recommendations" in done.out
    assert "recommendations" in (offline.home / "report.md").read_text()


@pytest.mark.parametrize(("verdict", "code"), [("ok", 0), ("critical", 2)])
def test_a_reader_that_has_gone_changes_no_verdict(
    offline: Program, verdicts: dict[str, Path], verdict: str, code: int
) -> None:
    command = " ".join([*COMMAND, "daily", "--snapshot", str(verdicts[verdict]), "--output", "json"])
    script = f"set -o pipefail; {command} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], env=offline.environment(), cwd=offline.home, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "{\n", "")


@pytest.mark.parametrize("silent", ["Loki", "API server"])
def test_interrupted_while_it_reads(hubops: Program, testbed: Testbed, silent: str) -> None:
    config = json.loads(testbed.kubeconfig.read_text())
    path = hubops.home / "kubeconfig"
    with hanging() as server:
        path.write_text(json.dumps(config | {"clusters": [{"name": "testbed", "cluster": {"server": server.url}}]}))
        flags = ["--loki-url", server.url] if silent == "Loki" else ["--kubeconfig", str(path)]
        run = hubops.start("daily", *flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        poll(lambda: bool(server.requests), f"hubops asks the {silent}")
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=180)
    assert (run.returncode, out, err.strip()) == (130, "", "hubops: interrupted")
    assert time.monotonic() - began < 20  # what hangs does for a minute


def test_a_deadline_that_is_shorter_than_the_read(hubops: Program) -> None:
    """What the others answered within it counts, also on a machine that is busy."""
    roles = ("prometheus", "alertmanager", "loki")
    used = dependents(catalog.load().of_round("daily"), Config())
    with hanging() as server:
        runs = together(lambda role: hubops.json("daily", f"--{role}-url", server.url, "--deadline", "20s"), roles)
    for role, done in zip(roles, runs, strict=True):
        assert done.code == 3, role
        assert done.ids("unknown") == {*used[role].unknown}
        assert "the run's deadline of 20 s was over" in done.reasons()
        assert done.well() == DAILY - done.ids("unknown")
        assert done.seconds < 50


def test_no_time_at_all(hubops: Program) -> None:
    done = hubops("daily", "--deadline", "0s")
    assert done.code in (3, 69)
    assert "the run's deadline of 0 s was over" in " ".join((done.out + done.err).split())


def test_a_slow_api_server_is_left_at_the_deadline(hubops: Program, testbed: Testbed) -> None:
    """It answers, and too slowly: what was not read in time is unknown."""
    config = json.loads(testbed.kubeconfig.read_text())

    with Server(slowly) as server:
        config["clusters"][0]["cluster"] = {"server": server.url}
        path = hubops.home / "slow"
        path.write_text(json.dumps(config))
        done = hubops("daily", "--deadline", "3s", kubeconfig=path)
    assert done.code in (3, 69)
    assert done.seconds < 30
    assert "deadline" in done.out + done.err


def slowly(_: object) -> Iterator[bytes]:
    """A list that begins and does not end."""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    for _ in range(100):
        yield b'{"kind": "PodList", "items": ['
        time.sleep(0.5)
