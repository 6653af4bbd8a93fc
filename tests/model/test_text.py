from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubops.model.text import REDACTED, inert, redact

#: Every code point, unpaired surrogates and unassigned ones among them.
anything = st.text(st.characters(codec=None, categories=None), max_size=80)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("ordinary text, 100% – naïve café", "ordinary text, 100% – naïve café"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]8;;https://evil.example\x1b\\link", "\\x1b]8;;https://evil.example\\x1b\\link"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb\tc\rd", "a b c d"),
        ("a\u2028b\u0085c", "a\\u2028b\\x85c"),
        ("abc\u202egpj.exe", "abc\\u202egpj.exe"),
        ("\u2066x\u2069\u200f\u061c", "\\u2066x\\u2069\\u200f\\u061c"),
        ("pay\u200bpal\ufeff\u00ad\u2060", "pay\\u200bpal\\ufeff\\xad\\u2060"),
        ("a\u3164b\u2800c\u034f", "a\\u3164b\\u2800c\\u034f"),
        ("tag\U000e0041\U000e0100", "tag\\U000e0041\\U000e0100"),
        ("\ud800half", "\\ud800half"),
        ("private \ue000 unassigned \U0003fffd", "private \\ue000 unassigned \\U0003fffd"),
        ("wide\u3000no-break\u00a0thin\u2009", "wide no-break thin "),
        ("⚠\ufe0f low", "⚠ low"),
        ("\x7f\x00", "\\x7f\\x00"),
        ("中文 日本語 🚀", "中文 日本語 🚀"),
    ],
)
def test_inert_writes_out_what_could_act(hostile: str, shown: str) -> None:
    assert inert(hostile) == shown


def test_a_combining_overload_is_written_out_after_four_marks() -> None:
    assert inert("z" + "\u0300" * 6) == "z" + "\u0300" * 4 + "\\u0300" * 2
    assert inert("\u0301a") == "\\u0301a", "a mark at the start would sit on what stands before it"


def test_limit_cuts_with_an_ellipsis() -> None:
    assert inert("abcdef", limit=6) == "abcdef"
    assert inert("abcdefg", limit=6) == "abcde…"
    assert len(inert("\x1b" * 100, limit=10)) == 10


@given(anything)
def test_inert_leaves_nothing_that_acts(text: str) -> None:
    shown = inert(text)
    assert inert(shown) == shown
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not any(c.isspace() and c != " " for c in shown)
    shown.encode("utf-8")


@given(anything, st.integers(1, 100))
def test_limit_is_kept(text: str, limit: int) -> None:
    assert len(inert(text, limit=limit)) <= limit


SECRET = "hunter2-Zx9"


@pytest.mark.parametrize(
    "template",
    [
        "password={}",
        "DB_PASSWORD={} DB_HOST=db",
        "PGPASSWORD='{}' psql",
        "dbPassword: {}",
        "  password: {}\n",
        'password: "{} with spaces"',
        '{{"user":"root","password":"{}","port":5432}}',
        '{{"password" : "{}\\"still"}}',
        '"{{\\"password\\":\\"{}\\"}}"',
        "{{'api_key': '{}'}}",
        "{{User:root Password:{}}}",
        "map[token:{}]",
        "GET /v1?access_token={}&page=2",
        "https://acct.blob.core.windows.net/c?sv=1&sig={}",
        "AccountKey={};EndpointSuffix=core.windows.net",
        "client_secret => {}",
        "token := {}",
        "mysql --password {} -h db",
        "login --registry-token {}",
        "Authorization: Bearer {}",
        "authorization: {}",
        '"Authorization":"Basic {}"',
        "sent header bearer {} to peer",
        "X-Api-Key: {}",
        "cookie: session={}; theme=dark",
        "Set-Cookie: id={}; HttpOnly",
        "postgres://app:{}@db:5432/shop",
        "https://{}-{}@sentry.example/42",
        "redis://:{}@redis:6379/0",
        "amqp://user:p@{}@mq:5672/",
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----- {}",
        "https://hooks.slack.com/services/T000/B000/{}",
        "secret: kube/{}",
        "pass={}",
        'auth":"dXNlcjpwYXNz{}"',
    ],
)
def test_redact_hides_credentials(template: str) -> None:
    line = template.format(SECRET, SECRET)
    shown = redact(line)
    assert SECRET not in shown
    assert "still" not in shown
    assert REDACTED in shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "token",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
        "xoxb-" + "1" * 12 + "-abcdefABCDEF",
        "ghp_" + "aB3" * 12,
        "github_pat_" + "aB3_" * 8,
        "glpat-" + "aB3-" * 6,
        "AIza" + "a" * 35,
        "npm_" + "aB3" * 12,
        "hvs." + "CAES" * 8,
    ],
)
def test_redact_knows_tokens_by_their_form(token: str) -> None:
    assert redact(f"got {token}, retrying") == f"got {REDACTED}, retrying"
    assert token not in redact(f"x={token}")


def test_redact_hides_base64_lines_and_keeps_hashes() -> None:
    key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
    assert redact(f"dump:\n{key}\nend") == f"dump:\n{REDACTED}\nend"
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert redact(digest) == digest


@pytest.mark.parametrize(
    "line",
    [
        "token expired",
        'secret "shop-tls" not found',
        'MountVolume.SetUp failed for volume "tls" : secret "shop-tls" not found',
        'FATAL: password authentication failed for user "app"',
        "invalid token: signature is invalid",
        "could not get token: context deadline exceeded",
        "error parsing token: unexpected end of JSON input",
        "couldn't fetch token: InvalidIdentityToken: no OpenIDConnect provider",
        "failed to get token: oauth2/google: could not reach metadata",
        "wrong password: denied by policy",
        "authorization: forbidden by policy for this user",
        "Bearer authentication required",
        "basic authentication failed",
        'WWW-Authenticate: Bearer realm="https://auth.docker.io/token",service="registry"',
        '"Reconciled" secret="monitoring/grafana-tls" generation=3',
        "couldn't find key password in Secret shop/db",
        "prompt tokens=812 max_token=4096",
        "secretName: shop-tls",
        "serviceAccountToken mounted",
        "token=null password=",
        '{"token": null, "password": ""}',
        "PWD=/app OLDPWD=/",
        "tests pass: 12 fail: 0",
        "GET https://registry.example:5000/v2/ 401",
        "see http://registry:4873/@scope/pkg",
        "ssh://git@github.com/org/repo",
        "Back-off pulling image registry.example:5000/shop/cart@sha256:" + "ab" * 32,
        "-----BEGIN CERTIFICATE-----",
        "eyJ is how a token starts",
        "the secret: nobody reads logs",
        "/var/lib/kubelet/pods/volumes/kubernetes/io/projected/serviceaccount",
    ],
)
def test_redact_keeps_ordinary_lines(line: str) -> None:
    assert redact(line) == line


_pieces = st.lists(
    st.sampled_from(["password", "token", "auth", ":", "=", " ", ": ", '"', "\\", "'", "bearer ", "x", ",", "\n", "://",
                     "@", "secret", "{", "pwd=/", "error "]),
    max_size=12,
).map("".join)  # fmt: skip


@given(_pieces, st.sampled_from(["password={}", "db_token={}", '"secret": "{}"', "://u:{}@", "Bearer {}"]), _pieces)
@settings(max_examples=1000)
def test_nothing_around_a_credential_uncovers_it(before: str, form: str, after: str) -> None:
    assert SECRET not in redact(f"{before} then {form.format(SECRET)} {after}")


@pytest.mark.parametrize(
    "unit",
    ["a.", "://", "://a:", "eyJ-", "eyJaaaaaaaa.", "password", "password ", "password:", 'password="', "-----BEGIN ",
     "-----BEGIN PRIVATE KEY-----", "--", "--a ", "--token ", "bearer ", "cookie:", "cookie: a", "\\", '\\"', "ghp_",
     "xoxb-", "Aa1", " ", "hooks.slack.com/services/", "secret='", "a", "[", "http://u:p"],
)  # fmt: skip
def test_redact_is_linear(unit: str) -> None:
    """Eight times the text takes about eight times as long; quadratic would be 64. The best of seven runs counts."""

    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        runs = []
        for _ in range(7):
            start = time.perf_counter()
            redact(text)
            runs.append(time.perf_counter() - start)
        return min(runs)

    assert seconds(160_000) < 40 * max(seconds(20_000), 0.001)
