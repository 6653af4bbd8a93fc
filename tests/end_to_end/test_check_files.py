"""Check files that cannot be used: one sentence with file and key, 64, and everything else is reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.end_to_end.program import DAILY, Done, Program, together

Folder = Callable[..., Path]
HEAD = "id: mine\ntitle: Mine\nrounds: [daily]\nseverity: warning\n"
PROMQL = f"{HEAD}promql: up == 0\nref: {{kind: ScrapeJob, namespace: namespace, name: job}}\nsummary: down\n"
CEL = f"{HEAD}kind: Deployment\nsummary: wrong\ncel: "

BROKEN = {
    f"{PROMQL}sevrity: critical\n": "unknown key 'sevrity'; did you mean 'severity'?",
    f"{PROMQL}title: Yours\n": "not YAML: key 'title' is written twice",
    f"{PROMQL}logql: rate(x)\n": "one of probe, promql, logql, cel has to decide, and this has promql and logql",
    PROMQL.replace("severity: warning", "severity: fatal"): "severity: 'fatal' is not one of critical, warning, info",
    PROMQL.replace("id: mine", "id: yours"): "id: 'yours' is not the name of the file",
    PROMQL.replace("== 0", "< $least"): "promql: $least has no value under with",
    PROMQL.replace("down", "'{pod}'"): "summary: there is no {pod}",
    f"{HEAD}probe: pod_crashing\n": "probe: there is no probe 'pod_crashing'; did you mean 'crash_looping'?",
    f"{HEAD}probe: pod_pending\nwith: {{grace: 5m}}\n": "is missing, and probe pod_pending needs it",
    f"{HEAD}probe: not_ready\nwith: {{grace: soon}}\n": "with.grace: 'soon' is not a duration",
    f"{CEL}object.spec.(\n": "cel: line 1, column 13: Syntax error",
    f"{CEL}objekt.spec.replicas == 0\n": "cel: there is no variable 'objekt'; known: object, now, with",
    f"{CEL}size(objects(object.spec)) == 0\n": "cel: there is no function 'objects' here",
    f"{CEL}object.spec.replicas > with.most\n": "cel: with.most has no value under with",
    CEL.replace("Deployment", "Secret") + "'true'\n": "kind: hubops reads no Secrets",
    CEL.replace("Deployment", "Deploymint") + "'true'\n": "kind: unknown kind 'Deploymint'",
    "": "a check is a mapping of keys, and this is empty",
    "- mine\n": "a check is a mapping of keys, and this is not one",
    "id: [\n": "not YAML: ",
    "!!python/object/apply:os.system ['touch pwned']\n": "not YAML: could not determine a constructor",
    f"{PROMQL}a: &a [x, x]\nb: &b [*a, *a]\n": "unknown key 'a'",
}


def refused(done: Done, path: Path, said: str, as_id: str = "mine") -> None:
    """The broken check is unknown, and nothing else is; both the report and standard error say why."""
    assert done.code == 64, said
    assert done.err.startswith(f"hubops: {path}: "), said
    assert said in done.err, said
    assert done.err.count("\n") == 1, done.err
    assert done.report["verdict"] == "unknown", said
    assert done.ids("unknown") == {as_id}, said
    assert said in done.check(as_id)["reason"], said
    assert done.well() == DAILY, said


def test_files_that_cannot_be_used(offline: Program, healthy: Path, tmp_path: Path) -> None:
    paths = []
    for number, text in enumerate(BROKEN):
        path = tmp_path / f"checks-{number}" / "mine.yaml"
        path.parent.mkdir()
        path.write_text(text)
        paths.append(path)
    runs = together(lambda path: offline.json("daily", "--snapshot", healthy, "--checks", path.parent), paths)
    for path, said, done in zip(paths, BROKEN.values(), runs, strict=True):
        refused(done, path, said)
    assert not (offline.home / "pwned").exists()


def test_an_id_that_is_taken_is_no_pass(offline: Program, healthy: Path, folder: Folder) -> None:
    """Neither a second check of the same id, nor a broken file that has the name of a shipped check."""
    taken = folder(node_not_ready=PROMQL.replace("id: mine", "id: node-not-ready")) / "node-not-ready.yaml"
    done = offline.json("daily", "--snapshot", healthy, "--checks", taken.parent)
    said = "id: 'node-not-ready' is already the id of hubops/checks/node-not-ready.yaml"
    refused(done, taken, said, as_id=str(taken))
    taken.write_text("id: [")
    refused(offline.json("daily", "--snapshot", healthy, "--checks", taken.parent), taken, "not YAML", str(taken))


def test_folders_and_files_that_cannot_be_read(offline: Program, healthy: Path, tmp_path: Path) -> None:
    empty, dangling, directory = (tmp_path / name for name in ("empty", "dangling", "directory"))
    for path in (empty, dangling, directory):
        path.mkdir()
    (dangling / "mine.yaml").symlink_to("/none")
    (directory / "mine.yaml").mkdir()
    cases = {
        empty: ("there is no check file (*.yaml) in this folder", empty, str(empty)),
        dangling: ("No such file or directory", dangling / "mine.yaml", "mine"),
        directory: ("Is a directory", directory / "mine.yaml", "mine"),
    }
    runs = together(lambda path: offline.json("daily", "--snapshot", healthy, "--checks", path), cases)
    for (said, path, name), done in zip(cases.values(), runs, strict=True):
        refused(done, path, said, name)
    for missing in (tmp_path / "none", healthy):
        done = offline("daily", "--snapshot", healthy, "--checks", missing)
        assert done.code == 64
        done.only_says("Invalid value for '--checks'")
    done = offline("daily", "--snapshot", healthy, env={"HUBOPS_CHECKS": str(tmp_path / "none")})
    assert done.code == 64
    done.only_says("HUBOPS_CHECKS")


def test_what_only_the_servers_can_refuse(hubops: Program, folder: Folder) -> None:
    """Prometheus and Loki judge their languages, and the objects what an expression gives: unknown, 3."""
    texts = {
        "promql": PROMQL.replace("== 0", "=="),
        "logql": f"{HEAD}logql: 'sum(rate({{app=}}[5m]))'\nsummary: wrong\n",
        "number": f"{CEL}1 + 1\n",
        "text": f"{CEL}object.metadata.name\n",
        "missing": f"{CEL}object.spec.nothing == 1\n",
    }
    path = folder(**{name: text.replace("id: mine", f"id: {name}") for name, text in texts.items()})
    done = hubops.json("daily", "--checks", path)
    assert (done.code, done.err) == (3, "")
    assert done.ids("unknown") == {*texts}
    reasons = {name: done.check(name)["reason"] for name in texts}
    assert reasons["promql"].startswith(f"{path}/promql.yaml: promql: Prometheus answered 400: ")
    assert "parse error" in reasons["promql"]
    assert reasons["logql"].startswith(f"{path}/logql.yaml: logql: Loki answered 400: parse error")
    assert reasons["number"].startswith(f"{path}/number.yaml: cel: the expression gives 2, not true or false (Deploy")
    assert reasons["text"].startswith(f"{path}/text.yaml: cel: the expression gives '")
    assert reasons["missing"].startswith(f"{path}/missing.yaml: cel: no such key: nothing (Deployment ")
    assert done.well() == DAILY


def test_verbs_that_name_a_broken_check(offline: Program, healthy: Path, folder: Folder) -> None:
    path = folder(mine=f"{PROMQL}sevrity: x\n")
    for verb in (("check", "mine", "--snapshot", str(healthy)), ("explain", "mine")):
        done = offline(*verb, "--checks", path)
        assert done.code == 64
        done.only_says(f"{path}/mine.yaml: unknown key 'sevrity'")
    done = offline("list", "--checks", path)
    assert (done.code, "pod-pending" in done.out) == (64, True)
    assert "unknown key 'sevrity'" in done.err
    done = offline("check", "pod-pendingg", "--snapshot", healthy)
    assert done.code == 64
    done.only_says("there is no check 'pod-pendingg'; did you mean 'pod-pending'?")
