"""The site's own checks as they are written down. What they find: test_checks_on_a_node.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hubops.config.load import load
from hubops.errors import ConfigError


def written(path: Path, **check: Any) -> Path:
    """A hubops.yaml with one check."""
    file = path / "hubops.yaml"
    checks = [{"name": "orders are there", "namespace": "shop", **check}]
    file.write_text(yaml.safe_dump({"drill": {"velero": {"checks": checks}}}))
    return file


@pytest.mark.parametrize(
    "check",
    [
        {"http": "catalog:8080/health", "expect": "^ok"},
        {"http": "https://catalog:web/"},
        {"http": "catalog:8080"},
        {"tcp": "redis-0.redis:6379"},
        {"sql": "select 1", "pod": "app=db", "container": "postgres"},
        {"command": ["/app", "check"], "pod": "web-0"},
    ],
)
def test_a_check_is_one_of_four(tmp_path: Path, check: dict[str, Any]) -> None:
    [found] = load(written(tmp_path, **check), {}).drill.velero.checks
    assert found.name == "orders are there"


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({}, "needs one of http, tcp, sql and command; it has 0"),
        ({"http": "a:80/", "tcp": "a:80"}, "needs one of http, tcp, sql and command; it has 2"),
        ({"sql": "select 1"}, "does not say in which pod"),
        ({"command": ["true"]}, "does not say in which pod"),
        ({"http": "catalog/health"}, "is to name service:port/path, or https://service:port/path"),
        ({"http": "ftp://catalog:80/"}, "is to name service:port/path"),
        ({"tcp": "redis:6379/0"}, "is to name service:port"),
        ({"tcp": "redis:6379", "expect": "("}, "expects what is no regular expression"),
    ],
)
def test_a_check_that_nobody_could_try_is_refused_before_anything_is_done(
    tmp_path: Path, check: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, **check), {})
    assert "orders are there" in str(caught.value)
    assert said in str(caught.value)
