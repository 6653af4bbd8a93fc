"""hubops doctor on the real servers: all well, rights missing, sources gone, and that it changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from rich.cells import cell_len

from tests.end_to_end.program import Done, Program
from tests.end_to_end.rights import rules
from tests.testbed.bed import Testbed
from tests.testbed.process import poll

USER = "system:serviceaccount:default:"


def doctor(hubops: Program, *arguments: str | Path, **options: Any) -> tuple[Done, dict[str, Any]]:
    done = hubops("doctor", "--output", "json", *arguments, **options)
    return done, json.loads(done.out)


def facts(document: dict[str, Any], about: str) -> list[tuple[str, str]]:
    return [(fact["level"], fact["text"]) for fact in document["facts"] if fact["about"] == about]


def missing(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rights that are missing, by verb, resource and name."""
    lacks = document["rights"]["missing"]
    return {" ".join(filter(None, (lack["verb"], lack["resource"], lack["name"]))): lack for lack in lacks}


def audited(testbed: Testbed, user: str) -> list[dict[str, Any]]:
    with testbed.audit_log.open() as log:
        events = (json.loads(line) for line in log if f'"{user}"' in line)
        return [event for event in events if event["user"]["username"] == user]


def test_all_is_well_and_nothing_was_changed(hubops: Program, testbed: Testbed) -> None:
    """Only get, list, and asking what the user may do: SelfSubjectAccessReview is stored nowhere."""
    account = testbed.service_account("default", "doctor", *rules())
    done, document = doctor(hubops, kubeconfig=account)
    assert (done.code, document["well"], document["rights"]["missing"], document["rights"]["rules"]) == (
        0,
        True,
        [],
        "",
    )
    assert document["rights"]["asked"] > 10
    (server,) = facts(document, "API server")
    assert server[0] == "ok"
    assert f"{testbed.server}, v1." in server[1]
    assert facts(document, "Clocks") == [("ok", "this machine and the API server agree within a minute")]
    (prometheus,), (alertmanager,), (loki,) = (facts(document, name) for name in ("Prometheus", "Alertmanager", "Loki"))
    assert {level for level, _ in (prometheus, alertmanager, loki)} == {"ok"}
    assert "targets up, newest sample" in prometheus[1]
    assert "service proxy monitoring/" in prometheus[1]
    assert "alerts, newest" in alertmanager[1]
    assert "has lines of the last 5m" in loki[1]

    def asked() -> list[dict[str, Any]]:
        return [event for event in audited(testbed, f"{USER}doctor") if "objectRef" in event]

    asks = "selfsubjectaccessreviews"
    poll(
        lambda: sum(e["objectRef"]["resource"] == asks for e in asked()) >= document["rights"]["asked"], "audit log", 60
    )
    assert {event["verb"] for event in asked() if event["objectRef"]["resource"] != asks} <= {"get", "list"}
    assert {event["verb"] for event in asked() if event["objectRef"]["resource"] == asks} == {"create"}
    assert not any(event["objectRef"]["resource"] == "secrets" for event in asked())


def test_what_is_missing_comes_with_the_rule_that_grants_it(hubops: Program, testbed: Testbed) -> None:
    """The rule as it is printed is enough, and the checks that it names are those that were unknown."""
    some = [rule for rule in rules() if not {"pods", "nodes", "pods/log", "services/proxy"} & {*rule["resources"]}]
    account = testbed.service_account("default", "half", *some)
    done, document = doctor(hubops, kubeconfig=account)
    lacks = missing(document)
    assert done.code == 3
    assert {"list pods", "list nodes", "get pods/log"} <= lacks.keys()
    assert any(name.startswith("get services/proxy kube-prometheus-stack") for name in lacks)
    assert not any(lack["resource"] == "services" for lack in lacks.values())
    assert "pod-crash-looping" in lacks["list pods"]["unknown"]
    assert "pod-crash-looping" in lacks["get pods/log"]["less"]
    daily = hubops.json("daily", kubeconfig=account)
    told = {check for lack in lacks.values() for check in lack["unknown"]}
    assert daily.ids("unknown") <= told
    page = hubops("doctor", kubeconfig=account)
    pasted = yaml.safe_load(page.out[page.out.index("rules:\n") :].partition("\n\n")[0])["rules"]
    assert pasted == yaml.safe_load(document["rights"]["rules"])["rules"]
    assert [line for line in page.out.splitlines() if cell_len(line) > 80] == []
    repaired = testbed.service_account("default", "half", *some, *pasted)
    poll(lambda: doctor(hubops, kubeconfig=repaired)[0].code == 0, "the rule is in force")


def test_without_any_right(hubops: Program, testbed: Testbed) -> None:
    account = testbed.service_account("default", "none")
    done, document = doctor(hubops, kubeconfig=account)
    assert done.code == 3
    assert len(document["rights"]["missing"]) == document["rights"]["asked"]
    (prometheus,) = (fact for fact in document["facts"] if fact["about"] == "Prometheus")
    assert "may not list services" in prometheus["text"]
    assert "target-down" in prometheus["checks"]
    plain = hubops("doctor", "--output", "plain", kubeconfig=account)
    assert "list pods" in plain.out
    assert "\nrules:\n" in plain.out


def test_as_somebody_who_may_not_even_ask(hubops: Program, testbed: Testbed) -> None:
    """Everybody who is authenticated may, by the role system:basic-user; bob is in no group."""
    done, document = doctor(hubops, "--as", "system:anonymous", "--as-group", "system:unauthenticated")
    assert done.code == 3
    reasons = {lack["reason"] for lack in document["rights"]["missing"]}
    assert reasons == {"user system:anonymous may not create selfsubjectaccessreviews.authorization.k8s.io (403)"
                       ": no credentials were sent"}  # fmt: skip
    assert document["rights"]["rules"] == ""


def test_sources_that_cannot_be_used(hubops: Program, testbed: Testbed) -> None:
    direct = testbed.stack.urls
    done, document = doctor(
        hubops, "--prometheus-url", "http://127.0.0.1:1", "--loki-url", direct.prometheus,
        env={"HUBOPS_ALERTMANAGER__ENABLED": "false"},
    )  # fmt: skip
    assert done.code == 3
    ((prometheus, refused),) = facts(document, "Prometheus")
    assert (prometheus, "connection refused" in refused) == ("problem", True)
    ((loki, wrong),) = facts(document, "Loki")
    assert (loki, "nothing answers at this path" in wrong) == ("problem", True)
    ((alertmanager, off),) = facts(document, "Alertmanager")
    assert (alertmanager, off) == ("note", "switched off in the configuration (alertmanager.enabled: false)")
    ((_, configuration),) = facts(document, "Configuration")
    assert "alertmanager.enabled" in configuration
    assert "prometheus.url" in configuration
    assert "127.0.0.1:1" not in configuration
    assert not any(lack["resource"] == "services/proxy" for lack in document["rights"]["missing"])


def test_no_cluster(hubops: Program, offline: Program, tmp_path: Path) -> None:
    config = json.loads((hubops.kubeconfig or tmp_path).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "nowhere"
    path.write_text(json.dumps(config))
    done, document = doctor(hubops, kubeconfig=path)
    assert done.code == 69
    (server,) = (fact for fact in document["facts"] if fact["about"] == "API server")
    assert "https://127.0.0.1:1 could not be reached: connection refused" in server["text"]
    assert "pod-crash-looping" in server["checks"]
    done, document = doctor(offline)
    assert done.code == 64
    ((level, text),) = facts(document, "Kubeconfig")
    assert (level, text.startswith("no kubeconfig: ")) == ("problem", True)


def test_a_configuration_that_cannot_be_used(hubops: Program) -> None:
    (hubops.home / "hubops.yaml").write_text("checks: {pod-pendin: {enabled: false}}\nignores: [{check: x, reason: y}]")
    done, document = doctor(hubops)
    assert done.code == 64
    said = [text for level, text in facts(document, "Checks") if level == "problem"]
    assert any("checks.pod-pendin: there is no such check; did you mean 'pod-pending'?" in text for text in said)
    assert any("ignores[0].check: there is no check 'x'" in text for text in said)
    (hubops.home / "hubops.yaml").write_text("promethius: {}")
    done = hubops("doctor")
    assert done.code == 64
    done.only_says("unknown key 'promethius'")
