"""Who is told what: the routes by amtool for every team and severity, and a real Alertmanager with real alerts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubops.bootstrap.gates import monitoring
from tests.stack import alertmanager
from tests.stack.alertmanager import Running, Settings
from tests.stack.rendered import SITES, site
from tests.testbed.process import poll

#: Each severity, and the receiver of its team; None for nobody. One that is none of ours is told too.
SEVERITIES = {"critical": "critical", "warning": "warning", "info": None, "page": "warning", "": "warning"}


@pytest.mark.parametrize("name", SITES)
def test_amtool_takes_the_configuration(tmp_path: Path, name: str) -> None:
    fine, said = alertmanager.amtool("check-config", alertmanager.write(tmp_path, name))
    assert fine, said
    assert "1 templates" in said


def test_amtool_refuses_a_template_that_is_none(tmp_path: Path) -> None:
    file = alertmanager.write(tmp_path, "none")
    (tmp_path / "hubops.tmpl").write_text("{{ define", encoding="utf-8")
    assert not alertmanager.amtool("check-config", file)[0]


@pytest.mark.parametrize("name", SITES)
def test_every_team_is_told_by_severity(tmp_path: Path, name: str) -> None:
    file = alertmanager.write(tmp_path, name)
    here = site(name)
    for team in here.teams:
        assert alertmanager.receiver(file, {"alertname": "Any", "team": team}) == f"{team}-warning"
    asked = [({"team": team}, team) for team in here.teams]
    asked += [({"namespace": space, "team": ""}, each.team) for space, each in here.applications.items()]
    for labels in ({}, {"team": "nobody"}, {"namespace": "kube-system"}, {"namespace": f"{here.application}-2"}):
        asked.append((labels, here.alerting.default_team))
    asked.append(({"team": here.alerting.default_team, "namespace": here.application}, here.alerting.default_team))
    for labels, team in asked:
        for severity, told in SEVERITIES.items():
            expected = f"{team}-{told}" if told else "null"
            given = {"alertname": "Any", "severity": severity, **labels}
            assert alertmanager.receiver(file, given) == expected, given


@pytest.mark.parametrize("name", SITES)
def test_what_is_no_alert_is_told_to_nobody(tmp_path: Path, name: str) -> None:
    file = alertmanager.write(tmp_path, name)
    watchdog = "watchdog" if site(name).alerting.watchdog else "null"
    assert alertmanager.receiver(file, {"alertname": "Watchdog", "severity": "none"}) == watchdog
    for team in ("", *site(name).teams):
        labels = {"alertname": "InfoInhibitor", "severity": "none", "team": team}
        assert alertmanager.receiver(file, labels) == "null"
        labels = {**monitoring.TEST_ALERT, "severity": "critical", "team": team}
        assert alertmanager.receiver(file, labels) == "null", "the installation's own test pages nobody"


CHANNELS = {
    "platform": ({"pagerduty", "slack", "email"}, {"slack", "email"}),
    "analytics": ({"pagerduty", "slack"}, {"slack"}),
    "storefront": ({"slack"}, {"slack"}),
}


def channels(name: str) -> dict[str, set[str]]:
    """The channels of each receiver."""
    receivers = alertmanager.values(name)["config"]["receivers"]
    return {each["name"]: {key.removesuffix("_configs") for key in each if key != "name"} for each in receivers}


def test_a_severity_goes_to_every_channel_that_fits_it() -> None:
    found = channels("aws")
    for team, (critical, warning) in CHANNELS.items():
        assert found[f"{team}-critical"] == critical
        assert found[f"{team}-warning"] == warning
    assert channels("gcp")["platform-warning"] == {"pagerduty"}, "there is nothing else to tell this team by"


@pytest.mark.parametrize("name", SITES)
def test_every_receiver_of_a_team_tells_somebody(name: str) -> None:
    assert [receiver for receiver, told in channels(name).items() if not told] == ["null"]


@pytest.mark.parametrize("name", SITES)
def test_every_key_is_in_a_secret_that_is_mounted(name: str) -> None:
    values = alertmanager.values(name)
    assert alertmanager.secrets_of(values["config"]) == set(values["alertmanagerSpec"]["secrets"])


def alert(what: str, **labels: str) -> Settings:
    said = {"what": what, "summary": f"{what} <!channel> & <http://evil.example|click>",
            "runbook_url": "https://hubops.example.com/runbooks/a.md"}  # fmt: skip
    return {"labels": {"cluster": "prod-eu", "alertname": "Full", **labels}, "annotations": said}


ALERTS = [
    alert("disk a", severity="critical", team="storefront", namespace="shop", pod="a"),
    alert("disk a, less", severity="warning", team="storefront", namespace="shop", pod="a"),
    alert("disk b", severity="warning", team="storefront", namespace="shop", pod="b"),
    alert("disk c", severity="warning", team="storefront", namespace="shop", pod="c"),
    alert("other", alertname="Other", severity="warning", namespace="shop"),
    alert("gone", alertname="KubeNodeNotReady", severity="warning", node="n1"),
    alert("on it", alertname="OnNode", severity="warning", node="n1", pod="x"),
    alert("beside it", alertname="OnNode", severity="warning", node="n2", pod="y"),
    alert("worse on it", alertname="OnNode", severity="critical", node="n1", pod="z"),
    alert("news", alertname="News", severity="info", namespace="shop"),
    alert("alive", alertname="Watchdog", severity="none"),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("alertmanager"), "aws")
    try:
        running.post(ALERTS)
        sent = running.outside
        poll(lambda: len(sent.slack("#team-storefront")) >= 3, "messages of the storefront")
        poll(lambda: len(sent.slack("#platform-alerts")) >= 3, "messages of the platform")
        poll(lambda: bool(sent.of("/pagerduty") and sent.of("/watchdog")), "PagerDuty, the dead man's switch")
        yield running
    finally:
        running.stop()


def test_what_another_alert_explains_is_held_back(running: Running) -> None:
    assert running.inhibited() == {"disk a, less", "on it"}


def test_alerts_about_one_thing_come_in_one_message(running: Running) -> None:
    messages = {each["title"]: each for each in running.outside.slack("#team-storefront")}
    assert set(messages) == {
        "[CRITICAL] Full in shop on prod-eu",
        "[WARNING] Full in shop on prod-eu (2 of 2 firing)",
        "[WARNING] Other in shop on prod-eu",
    }
    both = messages["[WARNING] Full in shop on prod-eu (2 of 2 firing)"]
    assert [what for what in ("disk a", "disk b", "disk c") if what in both["text"]] == ["disk b", "disk c"]
    assert both["color"] == "warning"
    assert messages["[CRITICAL] Full in shop on prod-eu"]["color"] == "danger"


def test_hostile_text_calls_nobody_and_links_nowhere(running: Running) -> None:
    texts = [each["text"] for each in running.outside.slack("#team-storefront")]
    assert all("&lt;!channel&gt; &amp; &lt;http://evil.example|click&gt;" in text for text in texts)
    links = "".join(texts).split("<")[1:]
    assert {link.partition(">")[0] for link in links} == {"https://hubops.example.com/runbooks/a.md|Runbook"}


def test_a_message_leads_to_its_alerts(running: Running) -> None:
    link = next(each["title_link"] for each in running.outside.slack("#team-storefront") if "Other" in each["title"])
    assert link == (
        "https://alertmanager.example.com/#/alerts?receiver=storefront-warning&filter=%7Balertname%3D%22Other%22%7D"
    )


def test_who_is_on_call_is_paged_with_the_runbook(running: Running) -> None:
    pages = [each["payload"] for each in running.outside.of("/pagerduty")]
    assert [(page["summary"], page["severity"]) for page in pages] == [("[CRITICAL] OnNode on prod-eu", "critical")]
    assert pages[0]["custom_details"]["runbook"] == "https://hubops.example.com/runbooks/a.md"


def test_the_dead_mans_switch_hears_of_the_watchdog_only(running: Running) -> None:
    heard = {alert["labels"]["alertname"] for body in running.outside.of("/watchdog") for alert in body["alerts"]}
    assert heard == {"Watchdog"}
    told = str(running.outside.slack("#platform-alerts")) + str(running.outside.slack("#team-storefront"))
    assert "alive" not in told
    assert "news" not in told
