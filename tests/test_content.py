from __future__ import annotations

from pathlib import Path

import pytest

from hubops import content
from hubops.errors import HubopsError


def test_a_source_tree_serves_its_own_folders() -> None:
    assert content.folder("checks") == Path(__file__).resolve().parents[1] / "checks"


def test_the_content_of_the_wheel_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("hubops/_content/runbooks", "runbooks"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(content, "_PACKAGE", tmp_path / "hubops")
    assert content.folder("runbooks") == tmp_path / "hubops" / "_content" / "runbooks"


def test_a_broken_installation_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_PACKAGE", tmp_path / "hubops")
    with pytest.raises(HubopsError, match=r"has no deploy/ folder .*install it again"):
        content.folder("deploy")
