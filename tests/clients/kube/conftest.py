"""A client of a server that answers what a test wants, with a kubeconfig of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes.client  # noqa: F401 - it takes long, and no test is about that
import pytest
import yaml

from hubops.clients.kube.client import KubeClient
from hubops.clients.retry import Deadline
from hubops.config import Duration, KubernetesConfig

MakeKubeconfig = Callable[..., Path]
Connect = Callable[..., KubeClient]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this machine's kubeconfig nor its proxies have a say."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def kubeconfig(tmp_path: Path) -> MakeKubeconfig:
    """Writes a kubeconfig for a server; `user` and `cluster` are merged into its only user and cluster."""

    def write(server: str, *, user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None) -> Path:
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "prod",
            "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
            "users": [{"name": "u", "user": {"token": "s3cret"} if user is None else user}],
        }))  # fmt: skip
        return path

    return write


@pytest.fixture
def connect(kubeconfig: MakeKubeconfig) -> Connect:
    """A client of a server by its URL; further keywords are those of KubernetesConfig."""

    def client(
        server: str, *, seconds: float = 20, attempts: int = 5, user: dict[str, Any] | None = None, **config: Any
    ) -> KubeClient:
        settings = {"kubeconfig": str(kubeconfig(server, user=user)), "timeout": Duration(seconds=5), **config}
        made = KubeClient(KubernetesConfig(**settings), deadline=Deadline(seconds), environ={})
        made.attempts = attempts
        return made

    return client
