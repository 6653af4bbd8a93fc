"""The real Prometheus and Alertmanager, alone on loopback: enough for their clients, and ready in a second."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.testbed.process import State, Supervisor, free_port, myself

PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs: [{{job_name: self, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""
RULES = r"""
groups:
- name: hostile
  rules:
  - record: hostile
    expr: vector(1)
    labels: {text: "\e[31mred\e[0m </script> \u202e {{ 1 }} [bold]"}
"""


def _start(folder: Path, name: str, argv: list[str], url: str) -> Supervisor:
    supervisor = Supervisor(folder, State(owner=myself()))
    supervisor.start(name, argv)

    def ready() -> bool:
        try:
            return requests.get(f"{url}/-/ready", timeout=1, proxies={"http": ""}).ok
        except requests.RequestException:
            return False

    supervisor.wait_ready(name, ready)
    return supervisor


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed; `make test` installs it")
    return found


@pytest.fixture(scope="session")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    port = free_port()
    (folder / "rules.yaml").write_text(RULES)
    (folder / "config.yaml").write_text(PROMETHEUS.format(rules=folder / "rules.yaml", port=port))
    url = f"http://127.0.0.1:{port}"
    argv = [
        _program("prometheus"),
        f"--config.file={folder / 'config.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--query.max-samples=5000",
    ]
    supervisor = _start(folder, "prometheus", argv, url)
    yield url
    supervisor.end()


@pytest.fixture(scope="session")
def alertmanager_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("alertmanager")
    port = free_port()
    (folder / "config.yaml").write_text(
        "route: {receiver: none}\nreceivers: [{name: none}]\n"
        "inhibit_rules: [{source_matchers: [role=cause], target_matchers: [role=symptom]}]\n"
    )
    url = f"http://127.0.0.1:{port}"
    argv = [
        _program("prometheus-alertmanager"),
        f"--config.file={folder / 'config.yaml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    supervisor = _start(folder, "alertmanager", argv, url)
    yield url
    supervisor.end()
