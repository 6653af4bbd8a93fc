"""What can be wrong with what a run is given: a clear error before or at that step, nothing else damaged, and the run
can be continued once it is mended.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hubops.cli import main
from hubops.errors import Exit
from tests.bootstrap import stand_ins
from tests.bootstrap.repository import StandIn
from tests.bootstrap.test_killed import hook_runs, kill, node
from tests.bootstrap.world import Completed, World

Here = Callable[..., str]


#: Flags that cannot be used, and what is said of them.
FLAGS = {
    ("--only", "paintt"): "--only paintt: there is none of that name; did you mean paint?",
    ("--skip", "walls"): "--skip walls: there is none of that name; there are namespaces, paint",
    ("--from", "walls"): "--from walls: there is none of that name",
    ("--with", "isti"): "--with isti: there is none of that name; did you mean istio?",
    ("--with", "external-secrets"): "platform.secret_store.vault: is missing; cloud is none: write the URL of a Vault",
    ("--accept", "node"): "--accept node: there is none of that name; did you mean nodes?",
    ("--repo", "chart=https://mirror.example.com"): "the stack has no repository 'chart'; it has charts",
    ("--repo", "charts=mirror.example.com"): "write NAME=URL, the URL with https:// or oci://",
    ("--helm", "no-such-helm"): "no-such-helm is not on PATH; charts are installed with Helm 3.12 or newer",
}
#: Files that cannot be used: which, what it is in place of it, and what is said of it.
FILES = (
    ("stack", stand_ins.STACK.replace("title: Paint", "titel: Paint"), "titel"),
    ("stack", stand_ins.STACK.replace("needs: [namespaces]", "needs: [colors]", 1), "paint → colors → paint"),
    ("stack", stand_ins.STACK.replace("needs: [namespaces]", "needs: [walls]", 1), "walls"),
    ("stack", stand_ins.STACK.replace("repository: charts", "repository: chart", 1), "'chart'"),
    ("paint.values", "color: [<< site.domain >>\n", "paint.values.yaml: not YAML when rendered"),
    ("paint.values", "- color\n", "paint.values.yaml: a document is list and no mapping"),
    ("paint.values", "color: << site.domian >>\n", "domian"),
    ("colors", "kind: Color\n", "colors.yaml"),
)


def nothing_was_written(world: World) -> None:
    assert world.bed.api.get("Namespace", None, world.paint) is None
    assert world.records() == {}


@pytest.fixture
def here(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """An apply within this process, which is not to come far; what it complains of."""

    def run(*flags: str) -> str:
        for name, value in world.environment.items():
            monkeypatch.setenv(name, value)
        _, _, _, *arguments = world.arguments("apply", "--yes", *flags)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == Exit.USAGE
        return capsys.readouterr().err

    return run


def test_flags_and_files_that_cannot_be_used(here: Here, world: World) -> None:
    """What is installed stays as it is, and the next run with the right ones has nothing to mend."""
    world.installed()
    before = world.state()
    for flags, words in FLAGS.items():
        assert words in here(*flags)
    for name, text, words in FILES:
        world.write(**{name: text})
        assert words in here()
    assert world.state() == before
    world.write()
    assert "Nothing to change." in world.installed().stdout


def test_a_repository_that_does_not_give_the_chart(world: World) -> None:
    """None is waited for longer than it is told to be, and none leaves anything on the cluster, or in the cache."""
    answers: tuple[tuple[str, str, int | bytes | None], ...] = (
        ("404", "index.yaml", 404),
        ("500", "index.yaml", 500),
        ("helm pull: ", "index.yaml", b"<html>garbage"),
        ("is no chart: ", "paint-1.0.0.tgz", b"garbage"),
        ("did not end within 1 s", "index.yaml", None),
        ("did not end within 1 s", "paint-1.0.0.tgz", None),
    )
    for words, path, answer in answers:
        world.repository.answers = {path: answer}
        done = refused(world, words, "--pull-timeout", "1s")
        assert world.repository.url in done.stdout
        nothing_was_written(world)
    world.repository.answers = {}
    refused(world, "127.0.0.1:1", "--repo", "charts=http://127.0.0.1:1")
    nothing_was_written(world)
    world.write(version="9.9.9")
    refused(world, "9.9.9")
    nothing_was_written(world)
    world.write()
    world.installed()


def test_a_chart_that_does_not_render(world: World) -> None:
    world.repository.add(StandIn("paint", "1.1.0", {"a.yaml": '{{ fail "no paint left" }}'}))
    world.repository.add(StandIn("paint", "1.2.0", {"a.yaml": "kind: [\n"}))
    for version, words in {"1.1.0": "no paint left", "1.2.0": "a.yaml"}.items():
        world.write(version=version)
        refused(world, words)
        nothing_was_written(world)
    world.write()
    world.installed()


def test_a_name_that_is_taken_by_another_chart(world: World) -> None:
    """Even by one whose name begins like that of ours."""
    world.repository.add(stand_ins.other())
    place = ["--namespace", world.paint, "--create-namespace", "--repo", world.repository.url]
    world.helm_run("install", world.paint, "paint-thinner", *place)
    refused(world, f"the name {world.paint} is taken in {world.paint} by a release of paint-thinner-2.0.0")
    assert world.records() == {}
    assert world.releases() == {world.paint: "deployed"}
    assert "revision: 1\n" in world.helm_run("status", world.paint, "--namespace", world.paint).lower(), "left alone"
    world.helm_run("uninstall", world.paint, "--namespace", world.paint)
    world.installed()


def test_a_release_of_the_name_in_another_namespace(world: World) -> None:
    place = ["--namespace", world.shop, "--create-namespace", "--repo", world.repository.url, "--skip-crds"]
    world.helm_run("install", world.paint, "paint", *place)
    refused(world, f"a release {world.paint} of paint-1.0.0 is in the namespace {world.shop}; remove it")
    assert world.records() == {}
    assert world.releases() == {world.paint: "deployed"}
    world.helm_run("uninstall", world.paint, "--namespace", world.shop)
    world.installed()


def test_a_manifest_that_the_server_refuses(world: World) -> None:
    """Its kind comes with a chart, so nobody can know before; what needs it not is installed all the same."""
    world.write(colors=stand_ins.COLORS.replace("hex: 0000ff", "hexx: 0000ff"))
    done = failed(world)
    assert f"Failed: colors: Color {world.paint}/blue: " in done.stdout
    assert "spec.hexx: field not declared in schema" in done.stdout
    assert set(world.deployments()) == {world.paint, world.release}
    world.write()
    assert "Installed: colors." in world.installed().stdout


def test_no_rights_for_one_kind(world: World) -> None:
    """Whoever may do everything but write what a chart has brought."""
    groups = ["", "apps", "batch", "coordination.k8s.io", "apiextensions.k8s.io", "events.k8s.io", "discovery.k8s.io"]
    everything = {"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}
    world.kubeconfig = world.bed.service_account("default", f"painter-{world.mark}", everything)
    done = world.apply()
    assert done.returncode == Exit.CRITICAL
    assert "preflight rights: not allowed: " in done.stdout
    nothing_was_written(world)

    done = failed(world, "--accept", "rights")
    assert "may not get Color " in done.stdout
    assert "Installed: " in done.stdout
    assert set(world.deployments()) == {world.paint, world.release}
    world.kubeconfig = world.bed.kubeconfig
    assert "Installed: colors." in world.installed().stdout


def test_a_webhook_that_does_not_answer(world: World) -> None:
    """It is waited for with its name, and then failed with it; it may have been about to start."""
    webhook = {
        "name": "critic.example.com", "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:1/judge"}, "timeoutSeconds": 2,
        "rules": [{"apiGroups": [world.group], "apiVersions": ["*"], "operations": ["*"], "resources": ["colors"]}],
    }  # fmt: skip
    item = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": f"critic-{world.mark}"}, "webhooks": [webhook]}  # fmt: skip
    world.bed.api.apply(item)
    try:
        done = failed(world, "--timeout", "3s")
        assert "critic.example.com" in next(line for line in done.stderr.splitlines() if "colors: the API" in line)
        assert "Failed: colors: " in done.stdout
        assert 'failed calling webhook "critic.example.com"' in done.stdout
        assert "what to do: hubops runbook webhook-without-endpoints" in done.stdout
        assert set(world.deployments()) == {world.paint, world.release}
        assert "it cannot be asked at the moment" in world.run("plan", "--full").stdout
    finally:
        world.bed.api.delete(item)
    assert "Installed: colors." in world.installed().stdout


def test_a_cluster_that_is_not_there(world: World, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.write_text(world.bed.kubeconfig.read_text().replace(world.bed.server, "https://127.0.0.1:1"))
    world.kubeconfig = away
    done = world.apply()
    assert done.returncode == Exit.UNREACHABLE
    assert "127.0.0.1:1" in done.stderr


def test_two_at_once(world: World) -> None:
    world.repository.add(stand_ins.paint(world.group, held=True))
    first = world.start("apply", "--yes")
    hook_runs(world)
    holder = world.holder()
    second = world.apply()
    assert second.returncode == Exit.LOCKED, second.stdout + second.stderr
    assert f"another bootstrap is at work: {holder}" in second.stderr
    assert first.poll() is None
    with node(world):
        said, complained = first.communicate(timeout=180)
    assert first.returncode == Exit.OK, said + complained
    kill(first)


def refused(world: World, words: str, *flags: str) -> Completed:
    """An apply that is not begun, because of the component `paint`."""
    done = world.apply(*flags)
    assert done.returncode == Exit.CRITICAL, done.stdout + done.stderr
    assert "paint: cannot be installed as it is" in done.stdout
    assert words in done.stdout
    return done


def failed(world: World, *flags: str) -> Completed:
    """An apply that comes to its end with a component that failed, and tells how to go on."""
    done = world.apply(*flags)
    assert done.returncode == Exit.CRITICAL, done.stdout + done.stderr
    assert "Run the same command again to go on from here." in done.stdout
    return done
