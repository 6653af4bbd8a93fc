"""The plans of restores from Velero, followed: every command of kubectl literally, on a real Velero."""

from __future__ import annotations

import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubops.cli import main
from tests.end_to_end.program import Done, Program
from tests.testbed import build, objects
from tests.testbed.api import Object
from tests.testbed.csi import CLASS, claim
from tests.testbed.objects import meta
from tests.testbed.process import poll
from tests.testbed.velero_application import GROUP, VERSION
from tests.testbed.velero_platform import VeleroPlatform

Plan = dict[str, Any]
#: They wait for what no testbed has, or for hours.
_ELSEWHERE = ("hubops ", "kubectl config ")


class Site:
    """A namespace with settings and, where *data* is to be, a claim with a file in it; and the commands of plans.

    A restore with claims takes ten seconds and more: Velero looks at them no more often.
    """

    def __init__(self, platform: VeleroPlatform, folder: Path, *, data: bool) -> None:
        self.data = data
        self.platform, self.api, self.velero = platform, platform.bed.api, platform.velero
        self.space = f"shop-{uuid.uuid4().hex[:6]}"
        self.hubops = Program(folder, platform.bed.kubeconfig)
        kubectl = Path(build.programs(families=("kubectl",))["kubectl"]).parent
        self.environment = self.hubops.environment(PATH=f"{kubectl}:{os.environ['PATH']}")

    def settle(self) -> None:
        mounts = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]} if self.data else {}
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta(None, self.space, {"team": "shop"})})
        for item in (
            *([claim(self.space, "data", CLASS, None, {})] if self.data else []),
            _role(self),
            self.settings("blue"),
            {"apiVersion": "v1", "kind": "Secret", "metadata": meta(self.space, "key"), "stringData": {"a": "b"}},
            {"apiVersion": VERSION, "kind": "Widget", "metadata": meta(self.space, "one"), "spec": {"size": 1}},
            objects.cron_job(self.space, "report", "*/5 * * * *"),
            objects.deployment(self.space, "web", replicas=1, pod={"terminationGracePeriodSeconds": 1, **mounts}),
        ):
            self.api.apply(item)
        self.wait_ready()
        if self.data:
            self.file.write_text("as it was")
        spec = {"includeClusterResources": True, "snapshotVolumes": self.data}
        backup = self.velero.backup(f"{self.space}-all", self.space, **spec)
        assert backup["status"]["phase"] == "Completed", backup["status"]

    def remove(self) -> None:
        self.api.delete(_role(self))
        self.platform.remove(self.space)

    @property
    def file(self) -> Path:
        return self.platform.csi.files(self.space, "data") / "ledger"

    def settings(self, colour: str) -> Object:
        return {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(self.space, "settings"), "data": {"c": colour},
        }  # fmt: skip

    def get(self, kind: str, name: str, space: str | None = None) -> Object | None:
        return self.api.get(kind, space or self.space, name)

    def wait_ready(self) -> None:
        def ready() -> bool:
            found = self.get("Deployment", "web") or {}
            claim = self.get("PersistentVolumeClaim", "data") or {}
            bound = claim.get("status", {}).get("phase") == "Bound"
            return bool(found.get("status", {}).get("readyReplicas") == 1 and (bound or not self.data))

        poll(ready, f"{self.space} ready", 60)

    def plan(self, *words: str) -> Plan:
        done = self.asked(*words)
        assert done.code == 0, done.err
        return done.report

    def asked(self, *words: str) -> Done:
        return self.hubops("restore", "plan", "velero", *words, "--output", "json")

    def follow(self, plan: Plan, *, instead: dict[str, str] | None = None) -> list[str]:
        """Run the commands in their order, with *instead* of what is left to be filled in; what each wrote."""
        return [
            self.run(_filled(command, instead or {}))
            for step in plan["steps"]
            for command in step["commands"]
            if not command.startswith(_ELSEWHERE)
        ]

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], env=self.environment, cwd=self.hubops.home, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def _filled(command: str, instead: dict[str, str]) -> str:
    return re.sub(r"<([a-z]+)>", lambda match: instead.get(match[1], match[0]), command)


@pytest.fixture(scope="module")
def site(velero_platform: VeleroPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Backed up once, with all that is cluster-scoped."""
    yield from _settled(velero_platform, tmp_path_factory.mktemp("plan"), data=False)


@pytest.fixture(scope="module")
def site_with_data(velero_platform: VeleroPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from _settled(velero_platform, tmp_path_factory.mktemp("plan"), data=True)


def _settled(platform: VeleroPlatform, folder: Path, *, data: bool) -> Iterator[Site]:
    site = Site(platform, folder, data=data)
    poll(lambda: site.api.serves("Widget"), "the kind Widget served")
    site.settle()
    yield site
    site.remove()


def _role(site: Site) -> Object:
    rules = [{"apiGroups": [GROUP], "resources": ["widgets"], "verbs": ["get"]}]
    metadata = meta(None, f"{site.space}-reader")
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}


def test_single_settings_are_copied_back_from_beside(site: Site) -> None:
    site.api.apply(site.settings("red"))
    plan = site.plan(site.space, "--beside")
    site.follow(plan, instead={"name": "settings"})
    assert (site.get("ConfigMap", "settings") or {})["data"] == {"c": "blue"}
    beside = re.findall(rf"{site.space}-\d{{14}}", json.dumps(plan))[0]
    site.platform.wait_gone([beside])


def test_a_cluster_is_restored_in_order_and_a_namespace_that_is_gone(site: Site) -> None:
    """What is rebuilt is there; the definition, the role and the namespace are lost."""
    site.platform.remove(site.space)
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    site.api.delete({**definition, "metadata": {"name": f"widgets.{GROUP}"}})
    site.api.delete(_role(site))
    poll(lambda: not site.api.serves("Widget"), "the kind Widget gone")

    backup = ("--backup", f"{site.space}-all")
    whole, alone = site.plan("--cluster", *backup), site.plan(site.space, *backup)
    *before, namespaces, webhooks, last = whole["steps"]
    assert [step["title"] for step in (*before[-2:], namespaces, webhooks)] == [
        "Restore the definitions of custom resources",
        "Restore the cluster-scoped objects",
        "Restore the other namespaces",
        "Restore webhooks and APIServices",
    ]
    assert any("gone" in fact for fact in alone["facts"])
    # The same restore of one namespace, and then everything that follows.
    assert namespaces["commands"][0].partition('"spec"')[2] == alone["steps"][1]["commands"][0].partition('"spec"')[2]
    site.follow({"steps": [*before, *alone["steps"], webhooks, last]})

    site.wait_ready()
    assert site.api.get("ClusterRole", None, f"{site.space}-reader")
    assert site.get("Widget", "one")
    assert site.get("Secret", "key")
    assert (site.api.get("Namespace", None, site.space) or {})["metadata"]["labels"]["team"] == "shop"
    location = site.api.get("BackupStorageLocation", "velero", "default") or {}
    assert location["spec"]["accessMode"] == "ReadWrite"


def test_a_newer_backup_without_the_data_is_passed_over(site_with_data: Site) -> None:
    site = site_with_data
    site.velero.backup(f"{site.space}-objects", site.space, snapshotVolumes=False)
    plan = site.plan(site.space)
    assert plan["title"] == f"Restore namespace {site.space} from Backup {site.space}-all"
    assert any(f"{site.space}-objects" in fact and "Newer" in fact for fact in plan["facts"])
    asked = site.plan(site.space, "--backup", f"{site.space}-objects")
    assert any("no data of data" in fact for fact in asked["facts"])


def test_a_deploy_that_spoilt_objects_and_data_is_taken_back(site_with_data: Site) -> None:
    site = site_with_data
    site.file.write_text("spoilt")
    site.api.apply(site.settings("red"))
    site.api.delete({"apiVersion": VERSION, "kind": "Widget", "metadata": meta(site.space, "one")})
    site.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(site.space, "added"), "data": {}})
    old = (site.get("PersistentVolumeClaim", "data") or {})["spec"]["volumeName"]

    plan = site.plan(site.space)
    wrote = site.follow(plan)
    site.wait_ready()
    assert site.file.read_text() == "as it was"
    assert (site.get("ConfigMap", "settings") or {})["data"] == {"c": "blue"}
    assert site.get("Widget", "one")
    assert (site.get("CronJob", "report") or {})["spec"].get("suspend") is False
    kept = site.api.get("PersistentVolume", None, old) or {}
    assert (kept["spec"]["persistentVolumeReclaimPolicy"], kept["status"]["phase"]) == ("Retain", "Released")
    listed = next(each for each in wrote if "configmap/added" in each)
    assert "settings" not in listed
    assert plan["back"].count("-before-") == 2
    before = site.velero.client.backups()[0]
    assert (before.name in plan["back"], before.phase) == (True, "Completed")


def test_before_the_cluster_is_rebuilt_its_first_steps_are_known(site: Site, tmp_path: Path) -> None:
    done = Program(tmp_path, None)("restore", "plan", "velero", "--cluster")
    assert done.code == 0
    assert "which backups there are is not known" in done.err
    assert "hubops bootstrap apply --yes" in done.out
    assert "hubops restore plan velero --cluster" in done.out


def test_what_no_backup_holds_is_said(site: Site) -> None:
    for words, said in (
        (("nothing-is-called-so",), "no backup that ended well holds anything"),
        (("x", "--backup", "gone"), "there is no Backup 'gone'"),
    ):
        done = site.asked(*words)
        assert done.code == 64
        done.only_says(said)


@pytest.mark.parametrize("words", [(), ("x", "--cluster"), ("--cluster", "--beside")])
def test_what_contradicts_itself_is_said(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["restore", "plan", "velero", *words])
    assert ended.value.code == 64
    assert "NAMESPACE" in capsys.readouterr().err.upper()
