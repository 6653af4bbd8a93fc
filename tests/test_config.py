"""hubops.yaml: what is wrong is said in one sentence with file and key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from hubops.config import Config, EndpointConfig, PlatformConfig, SecretRef, load
from hubops.config.backup import EtcdBackupConfig, VolumeBackupConfig
from hubops.errors import ConfigError
from hubops.stack.site import complete

DOCS = Path(__file__).parents[1] / "docs" / "configuration.md"
PLATFORM = Path(__file__).parents[1] / "docs" / "platform.md"
BACKUP = Path(__file__).parents[1] / "docs" / "backup.md"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prometheuss: {}", "unknown key 'prometheuss'; did you mean 'prometheus'?"),
        ("prometheus: {ur: x}", "unknown key 'prometheus.ur'; did you mean 'url'?"),
        (
            "checks: {pod-pending: {sevrity: info}}",
            "unknown key 'checks.pod-pending.sevrity'; did you mean 'severity'?",
        ),
        (
            "checks: {pod-pending: {severity: loud}}",
            "checks.pod-pending.severity: 'loud' is not one of critical, warning, info",
        ),
        ("ignores: [{check: a}]", "key 'ignores[0].reason' is missing"),
        ("ignores: [{check: a, reason: b, nam: c}]", "unknown key 'ignores[0].nam'; did you mean 'name'?"),
        ("ignores: [{check: a, reason: b, until: 2026-13-01}]", "not YAML: month must be in 1..12"),
        ("deadline: soon", "deadline: 'soon' is not a duration such as 90s"),
        ("kubernetes: {page_size: many}", "kubernetes.page_size: must be a whole number; it is text"),
        ("- a list", "the top level must be a mapping"),
        ("a: [1", "not YAML:"),
        ("\tcluster: a", "not YAML: line 1, column 1: found character that cannot start any token; indent with spaces"),
        ("cluster: a\ncluster: b", "not YAML: line 2, column 1: key 'cluster' is written twice"),
        ("cluster: 12", "cluster: must be text: write it in quotes; YAML takes it for a number"),
        ("team_label: yes", "team_label: must be text: write it in quotes; YAML takes true, yes, on"),
        ("platform: {teams: {a: {slack: [b]}}}", "platform.teams.a.slack: must be text; it is a list"),
        ("platform: {teams: [a]}", "platform.teams: must be a section of keys and their values; it is a list"),
        ("platform: {parts: istio}", "platform.parts: must be a list, [VALUE, VALUE]; it is text"),
        ("platform:", "platform: must be a section of keys and their values; it is empty"),
        ("platform: {identities: {lokki: a}}", "unknown key 'platform.identities.lokki'; did you mean 'loki'?"),
        (
            "platform: {storage: {parameters: {fast-ssd: {iops: 3}}}}",
            "platform.storage.parameters.fast-ssd.iops: must be text: write it in quotes",
        ),
        ("platform: {ingress: {replicas: 0}}", "platform.ingress.replicas: must be a whole number, 1 or more"),
        ("a: " + "[" * 5000, "not YAML: "),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "hubops.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(file, {})
    assert str(raised.value).startswith(f"{file}: ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "cluster: CANARY: x",
        'cluster: "CANARY',
        "cluster: *CANARY",
        "cluster: !CANARY x",
        "cluster: {secret: CANARY",
        "platform: {alerting: {slack: {https://hooks.example.com/CANARY}}}",
        "platform: {alerting: {slack: https://hooks.example.com/CANARY}}",
        "platform: {cloud: https://hooks.example.com/CANARY}",
    ],
)
def test_nothing_of_a_file_that_cannot_be_read_is_repeated(tmp_path: Path, text: str) -> None:
    """What stands there may be a secret."""
    file = tmp_path / "hubops.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(file, {})
    assert "CANARY" not in str(raised.value)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "hubops.yaml"
    file.write_text("# nothing\n" * 500_000)
    with pytest.raises(ConfigError, match="larger than 4 MiB"):
        load(file, {})


def test_line_ends_of_windows(tmp_path: Path) -> None:
    file = tmp_path / "hubops.yaml"
    file.write_bytes(b"cluster: prod\r\nteam_label: squad\r\n")
    assert (load(file, {}).cluster, load(file, {}).team_label) == ("prod", "squad")


def test_variables_are_text_where_text_is_wanted(tmp_path: Path) -> None:
    loaded = load(None, {"HUBOPS_CLUSTER": "12", "HUBOPS_PLATFORM__DOMAIN": "yes"})
    assert (loaded.cluster, loaded.platform.domain) == ("12", "yes")


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml: No such file"):
        load(tmp_path / "missing.yaml", {})


def test_a_list_of_words_in_the_environment_is_a_list() -> None:
    loaded = load(None, {"HUBOPS_BACKUP__ETCD__ENDPOINTS": '["https://a:2379", "https://b:2379"]'})
    assert loaded.backup.etcd
    assert loaded.backup.etcd.endpoints == ("https://a:2379", "https://b:2379")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "hubops.yaml"
    file.write_text("prometheus: {url: http://file, tenant: a}\ndeadline: 2m\n")
    loaded = load(file, {"HUBOPS_PROMETHEUS__URL": "http://environment", "HUBOPS_KUBERNETES__PAGE_SIZE": "500"})
    assert loaded.prometheus == EndpointConfig(url="http://environment", tenant="a")
    assert loaded.kubernetes.page_size == 500
    assert loaded.deadline == timedelta(minutes=2)


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    file = tmp_path / "hubops.yaml"
    file.write_text("")
    with pytest.raises(ConfigError, match=r"unknown key 'prometheus\.ulr'"):
        load(file, {"HUBOPS_PROMETHEUS__ULR": "x"})


def test_every_key_is_explained() -> None:
    """docs/configuration.md and docs/platform.md show each key of each section."""
    text = "".join(file.read_text(encoding="utf-8") for file in (DOCS, PLATFORM, BACKUP))

    def keys(struct: type[msgspec.Struct]) -> set[str]:
        found: set[str] = set()
        for item in msgspec.structs.fields(struct):
            found.add(item.encode_name)
            for inner in (item.type, *getattr(item.type, "__args__", ())):
                if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                    found |= keys(inner)
        return found

    assert [key for key in sorted(keys(Config)) if f"{key}:" not in text] == []


def test_every_default_of_the_platform_is_documented() -> None:
    """docs/platform.md, Defaults, has a row for each setting that is not empty where it is left out."""
    table = PLATFORM.read_text(encoding="utf-8").partition("\n## Defaults\n")[2].partition("\n## ")[0]

    def words(text: str) -> set[str]:
        return set(re.findall(r"[^\s`,|\\\"]+", text))

    def missing(struct: type[msgspec.Struct]) -> Iterator[str]:
        for item in msgspec.structs.fields(struct):
            for inner in (item.type, *getattr(item.type, "__args__", ())):
                if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                    yield from missing(inner)
            if item.default in (msgspec.NODEFAULT, None, False, "", ()) or isinstance(item.default, msgspec.Struct):
                continue
            values = item.default if isinstance(item.default, tuple) else (item.default,)
            texts = ("10s" if isinstance(value, timedelta) else str(value) for value in values)
            yield from (f"{item.encode_name}: {text}" for text in texts if not words(text) <= words(table))

    assert list(missing(PlatformConfig)) == []


def test_every_secret_to_be_made_is_documented() -> None:
    """docs/platform.md has a row for each setting that names a Secret."""
    section = PLATFORM.read_text(encoding="utf-8").partition("\n## Secrets that you make\n")[2].partition("\n## ")[0]
    rows = " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))

    def references(struct: type[msgspec.Struct]) -> Iterator[str]:
        for item in msgspec.structs.fields(struct):
            for inner in (item.type, *getattr(item.type, "__args__", ())):
                if inner is SecretRef:
                    yield item.encode_name
                elif isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                    yield from references(inner)

    named = {*references(PlatformConfig), "ca_secret", "internal_auth_secret"}
    assert len(named) > 8
    assert {name for name in named if not re.search(rf"\b{name}`", rows)} == set()


def test_the_documented_platform_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "hubops.yaml"
    file.write_text(PLATFORM.read_text(encoding="utf-8").split("```yaml\n", 1)[1].split("```", 1)[0])
    assert complete(load(file, {}), "hubops.yaml").application == "llm-analytics"


def test_the_documented_example_loads(tmp_path: Path) -> None:
    text = DOCS.read_text(encoding="utf-8")
    file = tmp_path / "hubops.yaml"
    file.write_text(text.split("```yaml\n", 1)[1].split("```", 1)[0])
    loaded = load(file, {})
    assert loaded.cluster == "prod-eu"
    assert loaded.ignores[0].name == "chaos-*"


def test_the_documented_backup_is_the_default_where_it_says_so(tmp_path: Path) -> None:
    file = tmp_path / "hubops.yaml"
    file.write_text(BACKUP.read_text(encoding="utf-8").split("```yaml\n", 1)[1].split("```", 1)[0])
    loaded = load(file, {})
    assert loaded.backup.etcd == EtcdBackupConfig()
    assert loaded.backup.volumes
    assert loaded.backup.volumes.keep == VolumeBackupConfig().keep
