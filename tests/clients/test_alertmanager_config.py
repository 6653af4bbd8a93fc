"""What is kept of a configuration: routes, names and matchers, in each of its notations, and nothing that is secret."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.clients.alertmanager_config import parse_matchers, trimmed
from hubops.errors import Permanent
from hubops.model.alerting import InhibitRule, Matcher, Receiver

CONFIG = """
global: {slack_api_url: <secret>, smtp_auth_password: hunter2, opsgenie_api_key: hunter2}
route:
  receiver: default
  routes:
    - matchers: [severity="critical", 'team=~"a|b"']
      receiver: on-call
      continue: true
      routes: [{match: {service: ledger}, match_re: {pod: ledger-.*}}]
    - matchers: ['{alertname!="Watchdog",severity!~"info|none"}']
receivers:
  - name: default
  - name: on-call
    pagerduty_configs: [{service_key: hunter2}]
    webhook_configs: [{url: "https://user:hunter2@example.com/hook?token=hunter2"}]
    slack_configs: []
inhibit_rules:
  - source_matchers: [severity = critical]
    target_matchers: ['severity =~ "warning|info"']
    equal: [namespace, alertname]
  - {source_match: {alertname: NodeDown}, target_match_re: {alertname: Pod.*}}
"""


def test_routes_with_their_matchers() -> None:
    route = trimmed(CONFIG).route
    first, second = route.routes
    assert route.receiver == "default"
    assert (first.receiver, first.goes_on) == ("on-call", True)
    assert first.matchers == (Matcher("severity", "critical"), Matcher("team", "a|b", is_regex=True))
    (inner,) = first.routes
    assert inner.matchers == (Matcher("service", "ledger"), Matcher("pod", "ledger-.*", is_regex=True))
    assert second.matchers == (
        Matcher("alertname", "Watchdog", is_equal=False),
        Matcher("severity", "info|none", is_regex=True, is_equal=False),
    )


def test_receivers_by_name_and_kind() -> None:
    assert trimmed(CONFIG).receivers == (Receiver("default"), Receiver("on-call", ("pagerduty", "webhook")))


def test_inhibit_rules_in_both_notations() -> None:
    assert trimmed(CONFIG).inhibit_rules == (
        InhibitRule(
            source=(Matcher("severity", "critical"),),
            target=(Matcher("severity", "warning|info", is_regex=True),),
            equal=("namespace", "alertname"),
        ),
        InhibitRule(source=(Matcher("alertname", "NodeDown"),), target=(Matcher("alertname", "Pod.*", is_regex=True),)),
    )


def test_nothing_secret_is_kept() -> None:
    kept = msgspec.json.encode(trimmed(CONFIG)).decode()
    assert "hunter2" not in kept
    assert "example.com" not in kept


@pytest.mark.parametrize(
    "text",
    [
        "route: [password hunter2",
        "route: {routes: hunter2}",
        "route: hunter2",
        "- hunter2",
        "hunter2",
        "inhibit_rules: [{source_matchers: ['hunter2']}]",
        "inhibit_rules: [{source_matchers: ['a=\"hunter2']}]",
        "receivers: [hunter2]",
        "route: " + "{routes: [" * 60 + "]}" * 60,
        "a: &a [*a]\nroute: *a",
    ],
)
def test_what_cannot_be_read_is_an_error_that_quotes_nothing(text: str) -> None:
    with pytest.raises(Permanent, match="a configuration that hubops cannot read") as caught:
        trimmed(text)
    assert "hunter2" not in str(caught.value)


def test_a_server_that_shows_no_configuration_is_no_empty_one() -> None:
    with pytest.raises(Permanent, match="does not show its configuration"):
        trimmed("")


@given(
    st.lists(
        st.builds(
            Matcher,
            st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True),
            st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12),
            st.booleans(),
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_matchers_are_read_back_as_they_were_written(matchers: list[Matcher]) -> None:
    def quoted(matcher: Matcher) -> str:
        value = matcher.value.replace("\\", "\\\\").replace('"', '\\"')
        return str(Matcher(matcher.name, value, matcher.is_regex, matcher.is_equal))

    assert list(parse_matchers("{" + ", ".join(map(quoted, matchers)) + "}")) == matchers
