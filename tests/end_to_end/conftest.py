"""hubops against the shared testbed, and a snapshot of its healthy platform for what needs no server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.program import Program
from tests.testbed.bed import Testbed


@pytest.fixture(scope="session")
def healthy(testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of the healthy platform."""
    home = tmp_path_factory.mktemp("healthy")
    file = home / "healthy.gz"
    done = Program(home, testbed.kubeconfig)("snapshot", "save", file)
    assert (done.code, done.err) == (0, "")
    return file


@pytest.fixture
def hubops(testbed: Testbed, tmp_path: Path) -> Program:
    """hubops on the testbed, as its administrator, from an empty folder that is its home too."""
    home = tmp_path / "home"
    home.mkdir()
    return Program(home, testbed.kubeconfig)


@pytest.fixture
def offline(tmp_path: Path) -> Program:
    """hubops without a kubeconfig."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return Program(home, None)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of check files: folder(name=text)."""

    def write(**files: str) -> Path:
        made = tmp_path / "checks"
        made.mkdir(exist_ok=True)
        for name, text in files.items():
            (made / f"{name.replace('_', '-')}.yaml").write_text(text)
        return made

    return write
