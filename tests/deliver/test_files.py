from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hubops.deliver.files import Output, parse_output, parse_outputs, write
from hubops.errors import UsageError

FORMATS = ("rich", "plain", "json", "markdown")


@pytest.mark.parametrize(("text", "output"), [("json", Output("json")), ("plain=-", Output("plain"))])
def test_standard_output(text: str, output: Output) -> None:
    assert parse_output(text, FORMATS) == output


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_output(f"json={tmp_path}/a=b.json", FORMATS) == Output("json", tmp_path / "a=b.json")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_output("markdown=~/r.md", FORMATS) == Output("markdown", tmp_path / "r.md")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jsn", "unknown format 'jsn'; did you mean json?"),
        ("JSON=x", "did you mean json?"),
        ("report.json", "to write that file: json=report.json"),
        ("report.md", "to write that file: markdown=report.md"),
        ("yaml", "formats are rich, plain, json, markdown"),
        ("=x", "unknown format ''"),
        ("", "unknown format ''"),
        ("json=", "a file name is missing"),
        ("json=/", "is a folder"),
        ("json=/no/such/folder/x", "there is no folder /no/such/folder"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_read(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_output(text, FORMATS)
    assert message in str(error.value)


def test_several_outputs(tmp_path: Path) -> None:
    assert parse_outputs([], FORMATS) == (Output("rich"),)
    wanted = ["rich", f"json={tmp_path}/r.json", f"markdown={tmp_path}/r.md"]
    assert [output.format for output in parse_outputs(wanted, FORMATS)] == ["rich", "json", "markdown"]


def test_two_outputs_to_one_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="both go to standard output; give one a file: json=FILE"):
        parse_outputs(["rich", "json"], FORMATS)
    (tmp_path / "link").symlink_to("r")
    with pytest.raises(UsageError, match="both go to"):
        parse_outputs([f"plain={tmp_path}/r", f"json={tmp_path}/link"], FORMATS)


def test_write_replaces_and_keeps_mode_and_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write(link, "new ✔\n")
    assert real.read_text(encoding="utf-8") == "new ✔\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "real.json"]


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    call = f"write(pathlib.Path({str(tmp_path / 'r')!r}), 'x')"
    code = f"import os, pathlib; os.umask(0o027); from hubops.deliver.files import write; {call}"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o640


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write(target, "half \ud800")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write .*/gone/r: No such file or directory"):
        write(tmp_path / "gone" / "r", "x")


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()
    write(pipe, "report")
    reader.join(timeout=10)
    assert received == ["report"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_process_substitution_and_devices(tmp_path: Path) -> None:
    code = "import sys, pathlib; from hubops.deliver.files import write; write(pathlib.Path(sys.argv[1]), 'report')"
    script = f'{sys.executable} -c "{code}" >(cat > {tmp_path}/out) && {sys.executable} -c "{code}" /dev/null && wait'
    subprocess.run(["bash", "-c", f"{script}; until [ -s {tmp_path}/out ]; do :; done"], check=True, timeout=20)
    assert (tmp_path / "out").read_text() == "report"
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
