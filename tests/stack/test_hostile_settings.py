"""No text of a site's settings means anything but itself: it is refused by its key, or rendered as it is."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest
import yaml

from hubops import config, content
from hubops.config import Config, PlatformConfig
from hubops.errors import ConfigError
from hubops.stack import render
from hubops.stack.forms import FORMS, form_of
from hubops.stack.load import PINNED, load
from hubops.stack.site import Site, complete
from tests.stack.rendered import SITES, site_file

#: What the sites of the tests leave out, so that each text is set somewhere.
MORE: dict[str, dict[str, Any]] = {
    "aws": {
        "tls": {"dns_credentials": {"secret": "route53", "key": "secret-access-key"}},
        "ingress": {
            "load_balancer_annotations": {"example.com/name": "value one"},
            "internal_auth_secret": "internal-logins",
            "free_text_paths": ["/api/v1/events"],
        },
        "storage": {"parameters": {"standard-hdd": {"type": "sc1"}}, "nfs": {"path": "/exports/one"}},
        "network": {"api_servers": ["10.0.0.0/28"]},
        "alerting": {"runbooks_url": "https://runbooks.example.com/", "default_team": "platform"},
        "applications": {"llm-analytics": {"quota": {"storage": "1Ti"}}},
        "oidc": {
            "auth_url": "https://login.example.com/auth",
            "token_url": "https://login.example.com/tokens",
            "api_url": "https://login.example.com/me",
            "scopes": ["openid"],
            "role_attribute_path": "contains(groups[*], 'admins') && 'Admin' || 'Viewer'",
        },
        "logging": {"store": {"region": "eu-central-1"}},
        "backup": {"region": "eu-central-1"},
        "secret_store": {"vault": "https://vault.example.com", "vault_role": "reader", "vault_path": "kv/prod"},
    },
    "gcp": {
        "gcp": {"encryption_key": "projects/p-1/locations/europe-west4/keyRings/r-1/cryptoKeys/k-1"},
        "identities": {"keda": "keda@example-prod.iam.gserviceaccount.com"},
    },
    "azure": {"azure": {"disk_encryption_set": "/subscriptions/s/resourceGroups/g/diskEncryptionSets/d"}},
    "none": {},
}
#: Texts that mean something to what reads a setting: YAML, jinja2, Helm, Go templates, nginx, grafana.ini, shells.
HOSTILE = [
    '"', "'", "a: b", "a #b", "#", "- a", "? a", "&a", "*a", "!!python/none", "|", ">", "%YAML", "@a", "`", "{", "}",
    "[",    "a\nadmin: true", "a\r\nb", "a\u2028b", "a\x00b", "a\x85b", "\ufeffa",
    "{{ .Release.Name }}", "{{", "}}", "<< site.cluster >>", "<% if x %>", "<# x #>", "{% raw %}", "{# x",
    "a;b", "a; return 200", "a } location / {", "$request_uri", "${HOME}", "$__file{/etc/passwd}", "%(x)s", "a b",
    '"; }', 'x"} or vector(1) #', '.*|.+', "a|b", "../../x", "/../x", "yes", "null", "~", "12", "1e3", "0x1f", "y",
    "2024-01-01", "<script>", "\\", "a\\", "a" * 5000, "пример", "\u202eabc", "\t", " ", "a ", " a",
]  # fmt: skip


def full(site: str) -> dict[str, Any]:
    """The settings of *site*, with every text that it may have."""

    def merged(below: Any, above: Any) -> Any:
        if isinstance(below, dict) and isinstance(above, dict):
            return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}
        return above

    plain = yaml.safe_load(site_file(site).read_text(encoding="utf-8"))
    return dict(merged(plain, {"platform": MORE[site]}))


def replaced(at: Any, path: tuple[str | int, ...], text: str) -> Any:
    """*at* with *text* at the *path*; a path that ends in a key of a map, written "=", renames it."""
    if not path:
        return text
    first, *rest = path
    if rest == ["="]:
        return {(text if key == first else key): value for key, value in at.items()}
    changed = copy.copy(at)
    changed[first] = replaced(at[first], tuple(rest), text)
    return changed


def places(site: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where *site* has a text of its own: the path in its settings, and the key that the forms know it by."""

    def walk(at: Any, path: tuple[str | int, ...], kind: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if isinstance(at, str):
            yield path, kind
        for key, value in at.items() if isinstance(at, dict) else ():
            named = f"{kind}.*" in ALL or any(each.startswith((f"{kind}.*.", f"{kind}.*=")) for each in ALL)
            if f"{kind}.*" in FORMS:
                yield (*path, key, "="), f"{kind}.*"
            below = f"{kind}.*" if named else f"{kind}.{key}".lstrip(".")
            yield from walk(value, (*path, key), f"{kind}.*=" if named and isinstance(value, str) else below)
        for index, value in enumerate(at) if isinstance(at, list) else ():
            yield from walk(value, (*path, index), f"{kind}[]")

    return walk(full(site)["platform"], (), "")


def kinds(annotation: Any, path: str) -> Iterator[tuple[str, bool]]:
    """The keys of all texts in a structure, as the forms name them, and whether only some words are allowed there."""
    if get_origin(annotation) is Literal:
        yield path, True
    elif annotation is str:
        yield path, False
    elif isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        for field in msgspec.structs.fields(annotation):
            yield from kinds(field.type, f"{path}.{field.encode_name}".lstrip("."))
    elif get_origin(annotation) is dict:
        key, value = get_args(annotation)
        yield from kinds(key, f"{path}.*")
        yield from kinds(value, f"{path}.*=" if value is str else f"{path}.*")
    elif get_origin(annotation) is tuple:
        yield from kinds(get_args(annotation)[0], f"{path}[]")
    else:
        for each in get_args(annotation):
            yield from kinds(each, path)


ALL = dict(kinds(PlatformConfig, ""))
#: Texts that hubops.stack.site checks, because more than their form decides.
ELSEWHERE = {
    "time_zone", "tls.hosted_zone", "identities.*=", "network.api_servers[]", "ingress.load_balancer_sources[]",
    "ingress.internal_sources[]", "applications.*.team", "alerting.default_team",
}  # fmt: skip
#: Texts of hubops' own checks, which no file of the stack reads.
UNUSED = {"hosts[]", "ca_file"}


def test_every_text_has_a_form() -> None:
    free = {kind for kind, words in ALL.items() if not words and form_of(kind) is None}
    assert free == ELSEWHERE | UNUSED
    assert set(FORMS) <= set(ALL)


def test_every_text_is_set_at_one_of_the_sites() -> None:
    found = {kind for site in SITES for _, kind in places(site)}
    refused = {"logging.store.prefix"}  # in any form: Loki 2.9 does not know it
    assert {kind for kind, words in ALL.items() if not words} - found == UNUSED | refused


def read(folder: Path, data: dict[str, Any]) -> Site:
    file = folder / "hubops.yaml"
    file.write_text(json.dumps(data), encoding="utf-8")
    return complete(config.load(file, {}), "hubops.yaml")


def answer(data: dict[str, Any]) -> str:
    """What is said against *data*; empty where it is accepted."""
    try:
        complete(config.convert(data, Config, "hubops.yaml"), "hubops.yaml")
    except ConfigError as error:
        return str(error)
    return ""


def test_no_form_fits_what_means_something_elsewhere() -> None:
    """But for texts that are lines of their own, and a JMESPath, which has a syntax itself."""
    lines = {kind for kind in FORMS if kind.endswith("=")} | {"oidc.role_attribute_path"}
    fitting = {kind: {text for text in HOSTILE if form.fits(text)} - HARMLESS for kind, form in FORMS.items()}
    assert {kind: texts for kind, texts in fitting.items() if texts and kind not in lines} == {}
    assert not any(FORMS[kind].fits(text) for kind in lines for text in HOSTILE if re.search(r"[\n\r\x00\u2028]", text))
    assert not any(FORMS["oidc.role_attribute_path"].fits(text) for text in HOSTILE if re.search(r"[$%]|\{\{", text))


@pytest.mark.parametrize("site", SITES)
def test_a_hostile_text_is_refused_by_its_key_and_not_repeated(site: str) -> None:
    """It may be a secret."""
    data = full(site)
    assert answer(data) == ""
    for text in ('x"\n}}: ${CANARY} #', "https://hooks.slack.com/services/T0/B0/CANARYCANARY"):
        for path, kind in places(site):
            said = answer({**data, "platform": replaced(data["platform"], path, text)})
            key = next(str(part) for part in reversed(path) if isinstance(part, str) and part != "=")
            assert "=" in path or re.search(rf"\b{re.escape(key)}\b", said) or "…" in said, (path, kind, said)
            assert said, (path, kind)
            assert "CANARY" not in said, (path, kind)


#: Nothing but text where a form allows it.
HARMLESS = {"yes", "null", "12", "1e3", "0x1f", "y", "2024-01-01", "a b", "a ", "пример"}
HARMLESS |= {"a" * 5000}


def shape(value: Any) -> Any:
    """*value* without its texts: kinds, lengths, keys that are no settings."""
    if isinstance(value, dict):
        return sorted((shape(each) for each in value.values()), key=repr)
    if isinstance(value, list):
        return sorted((shape(each) for each in value), key=repr)
    return type(value).__name__


def rendered(site: Site) -> dict[str, list[Any]]:
    folder = content.folder("deploy")
    stack = load(folder / PINNED)
    found = {}
    for name in render.wanted(stack, site):
        result = render.render(stack, folder, site, name)
        for file in (*result.values, *result.manifests):
            found[f"{name}: {file.path}"] = file.documents()
    return found


@pytest.mark.parametrize("site", ["aws", "none"])  # the others have no free texts
def test_what_is_accepted_changes_nothing_but_texts(tmp_path: Path, site: str) -> None:
    """All settings at once, each the oddest text that is accepted there."""
    before = after = full(site)
    for path, form in [(path, form_of(kind)) for path, kind in places(site) if "=" not in path]:
        for text in [text for text in reversed(HOSTILE) if form and form.fits(text)]:
            changed = {**after, "platform": replaced(after["platform"], path, text)}
            if text not in HARMLESS and not answer(changed):
                after = changed
                break
    assert after != before
    one, two = rendered(read(tmp_path, before)), rendered(read(tmp_path, after))
    assert {file: shape(documents) for file, documents in two.items()} == {
        file: shape(documents) for file, documents in one.items()
    }
