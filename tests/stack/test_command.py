"""hubops stack, as a process: nothing but files is read, and what is printed can be used as it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hubops import content
from hubops.stack.load import load
from tests.stack.rendered import SITES, STACKS, rendered, site_file


def stack(*arguments: str, site: str | None = "aws", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HUBOPS_")}
    if site:
        environment["HUBOPS_CONFIG"] = str(site_file(site))
    return subprocess.run(
        [sys.executable, "-m", "hubops.cli", "stack", *arguments],
        capture_output=True, text=True, timeout=180, check=False, cwd=cwd, env=environment,
    )  # fmt: skip


def test_list_shows_every_component_with_its_pin() -> None:
    shown = stack("list", site=None).stdout
    components = load(content.folder("deploy") / "stack.yaml").components
    assert sorted(line.split()[0] for line in shown.splitlines()[1:]) == sorted(components)
    assert max(map(len, shown.splitlines())) <= 80
    assert "v1.14.0" in shown
    assert "2024-10-03" in shown, "the end of life of cert-manager 1.14"


def test_list_tells_what_waits_for_what() -> None:
    [row] = [line for line in stack("list", "--wide", site=None).stdout.splitlines() if line.startswith("issuers ")]
    assert row.split()[-1] == "cert-manager"


def test_one_component_is_one_yaml_stream() -> None:
    done = stack("render", "cert-manager")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "---\n# values of jetstack/cert-manager v1.14.0, release cert-manager in cert-manager: "
    )
    assert list(yaml.safe_load_all(done.stdout))


def test_just_the_values_can_be_piped_to_helm() -> None:
    done = stack("render", "cert-manager", "--just", "values")
    [values] = yaml.safe_load_all(done.stdout)
    assert values["serviceAccount"]["annotations"]["eks.amazonaws.com/role-arn"].endswith(":role/cert-manager")


def test_just_the_manifests_are_objects() -> None:
    done = stack("render", "--just", "manifests")
    objects = [each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each]
    assert len(objects) > 100
    assert all(each["apiVersion"] and each["kind"] and each["metadata"]["name"] for each in objects)


def test_into_a_folder(tmp_path: Path) -> None:
    done = stack("render", "namespaces", "--into", "out/rendered", cwd=tmp_path)
    written = [Path(line) for line in done.stdout.splitlines()]
    assert written
    assert all(path.parts[:3] == ("out", "rendered", "namespaces") for path in written)
    assert all("<<" not in (tmp_path / path).read_text() for path in written)


def test_optional_parts_are_rendered_where_the_site_wants_them() -> None:
    assert "PeerAuthentication" in stack("render").stdout
    assert "PeerAuthentication" not in stack("render", site="none").stdout


@pytest.mark.parametrize("stack_file", STACKS)
@pytest.mark.parametrize("site", SITES)
def test_what_is_shown_looks_as_if_written_by_hand(site: str, stack_file: str) -> None:
    """No syntax of a template is left, no blank line stands twice, none ends in blanks, no comment is said twice."""
    for component in rendered(site, stack_file).values():
        for file in (*component.values, *component.manifests):
            assert not re.search(r"<<|>>|<%|%>|<#|#>|\n\n\n|[ \t]\n", file.text), file.path
            assert not re.search(r"(?m)^( *#.{20,})\n+\1$", file.text), file.path


def test_a_component_of_a_part_that_the_site_does_not_want() -> None:
    """What the part needs of the settings is asked for before anything is rendered."""
    done = stack("render", "secret-store", site="none")
    assert done.returncode == 64
    assert done.stdout == ""
    assert "platform.secret_store.vault: is missing; cloud is none: write the URL of a Vault" in done.stderr
    assert "PeerAuthentication" in stack("render", "mesh", site="none").stdout


def test_a_component_that_does_not_exist() -> None:
    done = stack("render", "certmanager")
    assert done.returncode == 64
    assert "there is no component 'certmanager'; components are namespaces, " in done.stderr


def test_without_settings_everything_missing_is_said(tmp_path: Path) -> None:
    done = stack("render", site=None, cwd=tmp_path)
    assert done.returncode == 64
    assert done.stdout == ""
    assert done.stderr.startswith("hubops: hubops.yaml: the platform cannot be rendered:\n  cluster: is missing; ")


def test_the_newer_stack_by_its_name() -> None:
    assert "alloy" in stack("list", "--stack", "stack-current.yaml", site=None, cwd=Path("/")).stdout


def test_a_stack_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(
        "schema: hubops.stack/v1\ntitle: mine\nkubernetes: '1.30'\nrepositories: {}\nnamespaces: {}\n"
        "components:\n  mine: {title: Mine, manifests: [mine.yaml], gates: [objects-applied]}\n"
    )
    (tmp_path / "mine.yaml").write_text("# why\nkind: ConfigMap\nmetadata: {name: << cluster >>}\n")
    done = stack("render", "--stack", str(tmp_path / "stack.yaml"))
    assert done.returncode == 64
    assert done.stderr == f"hubops: {tmp_path / 'mine.yaml'}:3: 'cluster' is undefined\n"
    (tmp_path / "mine.yaml").write_text("# why\nkind: ConfigMap\nmetadata: {name: << site.cluster >>}\n")
    done = stack("render", "--stack", str(tmp_path / "stack.yaml"))
    assert done.stdout == "---\n# mine: mine.yaml\n# why\nkind: ConfigMap\nmetadata: {name: prod-eu}\n"
