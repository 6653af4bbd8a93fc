"""The Helm client against the real helm 3 and 4, a real API server and a real chart repository."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.clients.helm import Helm
from hubops.clients.kube.writer import KubeWriter
from hubops.config import KubernetesConfig
from hubops.errors import Permanent, Retryable, UsageError
from tests.bootstrap.repository import Repository, StandIn
from tests.testbed.bed import Testbed

SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-settings}
data: {color: {{ .Values.color | quote }}}
"""
HOOK = """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-hook, annotations: {helm.sh/hook: pre-install}}
"""
WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
"""
BLUE = StandIn("paint", "1.0.0", {"settings.yaml": SETTINGS, "hook.yaml": HOOK}, {"color": "blue"}, {"w.yaml": WIDGETS})
GREEN = StandIn("paint", "2.0.0", {"settings.yaml": SETTINGS}, {"color": "green"})
BROKEN = StandIn("paint", "3.0.0", {"settings.yaml": '{{ fail "no paint left" }}'})


@pytest.fixture(params=["helm", "helm4"])
def helm(request: pytest.FixtureRequest, helms: dict[str, Path], bare_testbed: Testbed, tmp_path: Path) -> Helm:
    config = KubernetesConfig(kubeconfig=str(bare_testbed.kubeconfig))
    return Helm(config, program=str(helms[request.param]), home=tmp_path / "home", environ={"PATH": os.environ["PATH"]})


@pytest.fixture
def namespace(writer: KubeWriter) -> Iterator[str]:
    name = f"helm-{uuid.uuid4().hex[:8]}"
    item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    writer.create(item)
    yield name
    writer.delete(item)


def color(writer: KubeWriter, namespace: str) -> str | None:
    metadata = {"namespace": namespace, "name": "wall-settings"}
    found = writer.read({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    return found["data"]["color"] if found else None


def test_a_release_from_its_chart_to_its_end(
    helm: Helm, repository: Repository, writer: KubeWriter, namespace: str, tmp_path: Path
) -> None:
    repository.add(BLUE, GREEN)
    blue = helm.pull(repository.url, "paint", "1.0.0", tmp_path / "charts", timeout=30)
    green = helm.pull(repository.url, "paint", "2.0.0", tmp_path / "charts", timeout=30)
    assert helm.releases(["wall"]) == ()

    helm.upgrade(blue, "wall", namespace, "color: red", timeout=60)
    [release] = helm.releases(["wall"])
    assert (release.namespace, release.status, release.revision) == (namespace, "deployed", "1")
    assert release.is_of("paint", "1.0.0")
    assert not release.is_of("paint", "2.0.0")
    assert helm.values("wall", namespace) == {"color": "red"}
    assert color(writer, namespace) == "red"
    assert 'color: "red"' in helm.manifest("wall", namespace)

    helm.upgrade(green, "wall", namespace, "", timeout=60)
    assert helm.values("wall", namespace) == {}, "values of the last revision are not kept"
    assert color(writer, namespace) == "green"

    helm.rollback("wall", namespace, 1, timeout=60)
    assert color(writer, namespace) == "red"
    assert [(each.revision, each.status) for each in helm.history("wall", namespace)] == [
        (1, "superseded"), (2, "superseded"), (3, "deployed")]  # fmt: skip

    helm.uninstall("wall", namespace, timeout=60)
    assert helm.releases(["wall"]) == ()
    assert color(writer, namespace) is None


def test_what_a_chart_renders_and_its_definitions(helm: Helm, repository: Repository, tmp_path: Path) -> None:
    repository.add(BLUE)
    chart = helm.pull(repository.url, "paint", "1.0.0", tmp_path, timeout=30)
    rendered = helm.template(chart, "wall", "one", "color: red", kubernetes="v1.36.3", apis=("apps/v1",))
    assert "wall-settings" in rendered
    assert "wall-hook" not in rendered
    assert "widgets.example.com" in helm.crds(chart)
    assert "CustomResourceDefinition" not in rendered


def test_the_operators_own_helm_is_left_alone(helm: Helm, repository: Repository, tmp_path: Path) -> None:
    repository.add(BLUE)
    helm.pull(repository.url, "paint", "1.0.0", tmp_path / "charts", timeout=30)
    assert {path.name for path in tmp_path.iterdir()} <= {"charts", "home", "repository"}


@pytest.mark.parametrize(
    ("version", "answers", "kind", "said"),
    [
        ("9.9.9", {}, Permanent, "9.9.9"),
        ("1.0.0", {"index.yaml": 404}, Permanent, "404"),
        ("1.0.0", {"index.yaml": 500}, Retryable, "500"),
        ("1.0.0", {"index.yaml": b"<html>garbage"}, Permanent, "helm pull: "),
        ("1.0.0", {"paint-1.0.0.tgz": 404}, Permanent, "404"),
        ("1.0.0", {"index.yaml": None}, Retryable, "helm pull did not end within 2 s"),
    ],
    ids=["no such version", "no repository", "broken repository", "garbage", "no archive", "silence"],
)
def test_a_repository_that_does_not_give_the_chart(
    helm: Helm, repository: Repository, tmp_path: Path, version: str, answers: dict[str, int], kind: type, said: str
) -> None:
    repository.add(BLUE)
    repository.answers |= answers
    with pytest.raises(kind, match=said):
        helm.pull(repository.url, "paint", version, tmp_path / "charts", timeout=2 if "end within" in said else 60)


def test_a_chart_that_does_not_render(helm: Helm, repository: Repository, namespace: str, tmp_path: Path) -> None:
    repository.add(BROKEN)
    chart = helm.pull(repository.url, "paint", "3.0.0", tmp_path, timeout=30)
    with pytest.raises(Permanent, match=r"helm upgrade: .*no paint left"):
        helm.upgrade(chart, "wall", namespace, "", timeout=60)


def test_without_helm(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"helm is not on PATH; charts are installed with Helm 3\.12 or newer"):
        Helm(KubernetesConfig(), home=tmp_path, environ={"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("v3.11.3", r"is 3\.11\.3; Helm 3\.12 or newer is needed"),
        ("nonsense", "does not say which version it is: nonsense"),
    ],
)
def test_a_helm_that_is_too_old(tmp_path: Path, said: str, message: str) -> None:
    program = tmp_path / "helm"
    program.write_text(f"#!/bin/sh\necho {said}\n")
    program.chmod(0o755)
    with pytest.raises(UsageError, match=message):
        Helm(KubernetesConfig(), home=tmp_path, environ={"PATH": f"{tmp_path}:{os.environ['PATH']}"}).version()


def test_both_majors_say_their_version(helm: Helm, helms: dict[str, Path]) -> None:
    said = subprocess.run([helm._program, "version", "--short"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("v" + ".".join(map(str, helm.version())))
