"""Which cluster, which user: kubeconfigs, their contexts, and what is said of one that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubops.clients.kube.access import Access
from hubops.clients.kube.client import KubeClient
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.errors import ConfigError


def document(*contexts: str, current: str | None = None) -> dict[str, Any]:
    """A kubeconfig in which each context has a cluster and a user of its own name."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in contexts],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example:6443/"}} for name in contexts],
        "users": [{"name": name, "user": {"token": f"token-{name}"}} for name in contexts],
        **({"current-context": current} if current else {}),
    }


def written(path: Path, content: object) -> str:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def access(path: str | None = None, environ: dict[str, str] | None = None, **config: Any) -> Access:
    return Access(KubernetesConfig(kubeconfig=path, **config), environ or {})


def test_the_current_context_or_the_one_that_was_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "config", document("dev", "prod", current="dev"))
    dev, prod = access(path), access(path, context="prod")
    assert (dev.server, dev.context, dev.headers()["Authorization"]) == (
        "https://dev.example:6443",
        "dev",
        "Bearer token-dev",
    )
    assert (prod.server, prod.context, prod.headers()["Authorization"]) == (
        "https://prod.example:6443",
        "prod",
        "Bearer token-prod",
    )


def test_several_files_are_merged_and_the_first_current_context_wins(tmp_path: Path) -> None:
    paths = [
        written(tmp_path / "one", document("dev")),
        written(tmp_path / "two", document("prod", current="prod")),
        written(tmp_path / "three", document("test", current="test")),
        str(tmp_path / "missing"),
    ]
    environ = {"KUBECONFIG": os.pathsep.join(paths)}
    assert access(environ=environ).context == "prod"
    assert access(environ=environ, context="test").server == "https://test.example:6443"


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    written(tmp_path / ".kube" / "config", document("dev", current="dev"))
    assert access().context == "dev"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("{", "while parsing", id="not YAML"),
        pytest.param("- a\n- b\n", "not a kubeconfig", id="a list"),
        pytest.param("", "empty", id="empty"),
        pytest.param("contexts: 3\n", "not a kubeconfig", id="a number for contexts"),
        pytest.param(document("dev"), "no current context; choose one with --context: dev", id="no current context"),
        pytest.param(document("dev", current="prod"), "no context 'prod'; known: dev", id="unknown current context"),
        pytest.param(
            {**document("dev", current="dev"), "clusters": []}, "names no cluster with a server", id="no cluster"
        ),
        pytest.param(
            {**document("dev", current="dev"), "users": [{"name": "dev", "user": {"tokenFile": "/nowhere/token"}}]},
            "/nowhere/token",
            id="no token file",
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, content: object, said: str) -> None:
    path = written(tmp_path / "config", content)
    with pytest.raises(ConfigError) as caught:
        access(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_context_that_does_not_exist(tmp_path: Path) -> None:
    path = written(tmp_path / "config", document("dev", "prod", current="dev"))
    with pytest.raises(ConfigError, match="no context 'test'; known: dev, prod"):
        access(path, context="test")


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such kubeconfig"):
        access(str(tmp_path / "missing"))


def test_no_kubeconfig_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="not a pod of a cluster"):
        access()
    with pytest.raises(ConfigError, match="no kubeconfig for context 'prod'"):
        access(context="prod", environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


def test_a_pod_without_a_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="the pod's ServiceAccount cannot be used"):
        access(environ=environ)


def test_nothing_is_asked_of_the_server_before_it_is_needed(tmp_path: Path) -> None:
    path = written(tmp_path / "config", document("dev", current="dev"))
    client = KubeClient(KubernetesConfig(kubeconfig=path), deadline=Deadline(5), environ={})
    assert client.cluster_name == "dev"  # dev.example does not exist
