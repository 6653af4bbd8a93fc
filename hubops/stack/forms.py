"""What each text of a site's settings may look like.

Settings end up in YAML and, within it, in what has a syntax of its own: Helm's and Alertmanager's templates,
grafana.ini, the configuration of nginx and Loki, PromQL, regular expressions. A text of its form means nothing in any
of them. No message repeats a text: what stands in the wrong place may be a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from hubops.config import PlatformConfig
from hubops.model.text import redact
from hubops.stack.template import plain

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = rf"{LABEL}(\.{LABEL})+"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_PORT = r":([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_URL = rf"https?://{_HOST}({_PORT})?(/[A-Za-z0-9._~:/-]*)?"
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_AZURE_REGION = r"[a-z]{2,30}\d?"
_AWS_REGION = r"[a-z]{2}(-[a-z]+)+-\d"
_GCP_REGION = r"[a-z]+-[a-z]+\d{1,2}"
_BREAKS = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"  # lines, and what YAML refuses
_LINE = rf"[^{_BREAKS}]{{0,4096}}"


@dataclass(frozen=True)
class Form:
    """A text that *pattern* matches in full; *what* is what to write, with an example. A word is one in YAML too."""

    pattern: str
    what: str
    word: bool = True

    def fits(self, text: str) -> bool:
        return bool(re.fullmatch(self.pattern, text)) and (plain(text) or not self.word)


_EMAIL = Form(
    rf"[A-Za-z0-9._+=/-]{{1,64}}@{DOMAIN}", "is no e-mail address; write one such as platform@example.com", word=False
)
_WEB = Form(_URL, "is no URL; write https://host/path, without user, password and query")
_PATH = Form(r"/|(/[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*)+/?", "is no path; write one such as /exports/shared")
_QUANTITY = Form(
    r"\d{1,15}(\.\d{1,3})?(m|k|[KMGTP]i|[MGTP])?", 'is no quantity; write one such as "20", 500m or 64Gi', word=False
)
_SECRET_NAME = Form(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", "is no name of a Secret")
_NAMESPACE = Form(LABEL, "is no name of a namespace; write lower-case letters, digits and '-', and no number")
_PARAMETER = Form(
    r"([a-z0-9.-]+/)?[A-Za-z0-9][A-Za-z0-9._-]{0,252}",
    "is no parameter; write its name as the driver's documentation does",
)
_VALUE = Form(_LINE, "must be one line of text", word=False)
_BUCKET = Form(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", "is no name of a bucket; write lower-case letters and digits")
_PREFIX = Form(
    r"([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?", "is no prefix; write one such as prod/eu"
)
_REGION = Form(r"[a-z0-9-]{2,40}", "is no region; write one such as eu-central-1")
_STORE: Mapping[str, Form] = {
    "bucket": _BUCKET,
    "prefix": _PREFIX,
    "storage_account": Form(r"[a-z0-9]{3,24}", "is no storage account; write its name, not its key", word=False),
    "endpoint": _WEB,
    "region": _REGION,
    "ca": Form(
        r"(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,76}\n){1,200}-----END CERTIFICATE-----\n?){1,50}",
        "is no certificate; write it in PEM, as a block of lines: ca: |",
        word=False,
    ),
}

#: The form of each text, by its key; "*" is any key of a map, "[]" any item of a list. References to Secrets have those
#: of _REFERENCE; a key of a map has the form of its "*", and a value that of "*" with "=" after it.
FORMS: Mapping[str, Form] = {
    # The common name of a certificate has 64 characters, and alertmanager. is the longest of the platform's names.
    "domain": Form(
        rf"(?=.{{1,51}}\Z){DOMAIN}",
        "is no domain; write it in lower case without scheme and path, up to 51 characters: example.com",
    ),
    "email": _EMAIL,
    "aws.region": Form(_AWS_REGION, "is no region; write one such as eu-central-1"),
    "aws.encryption_key": Form(
        r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[A-Za-z0-9/_-]+", "is no key; write its ARN, arn:aws:kms:…"
    ),
    "gcp.project": Form(
        r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "is no project; write its id such as example-prod"
    ),
    "gcp.region": Form(_GCP_REGION, "is no region; write one such as europe-west4"),
    "gcp.encryption_key": Form(
        r"projects/[A-Za-z0-9.:-]+/locations/[a-z0-9-]+/keyRings/[\w-]+/cryptoKeys/[\w-]+",
        "is no key; write projects/…/locations/…/keyRings/…/cryptoKeys/…",
    ),
    "azure.subscription": Form(_UUID, "is no subscription; write its id, a UUID", word=False),
    "azure.tenant": Form(_UUID, "is no tenant; write its id, a UUID", word=False),
    "azure.resource_group": Form(r"[A-Za-z0-9_().-]{0,89}[A-Za-z0-9_()-]", "is no resource group; write its name"),
    "azure.region": Form(_AZURE_REGION, "is no region; write one such as westeurope"),
    "azure.disk_encryption_set": Form(
        r"/subscriptions/[A-Za-z0-9_()./-]+", "is no resource id; write /subscriptions/…"
    ),
    "tls.ca_secret": _SECRET_NAME,
    "ingress.load_balancer_annotations.*": Form(
        r"([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", "is no annotation"
    ),
    "ingress.load_balancer_annotations.*=": _VALUE,
    "ingress.internal_auth_secret": _SECRET_NAME,
    "ingress.internal_auth_url": _WEB,
    "ingress.internal_auth_signin": _WEB,
    "ingress.free_text_paths[]": Form(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", "is no path; write it as /api/v1/events"),
    "storage.parameters.*.*": _PARAMETER,
    "storage.parameters.*.*=": _VALUE,
    "storage.csi.provisioner": Form(DOMAIN, "is no driver; write its name such as rbd.csi.ceph.com"),
    "storage.csi.parameters.*.*": _PARAMETER,
    "storage.csi.parameters.*.*=": _VALUE,
    "storage.csi.snapshot_parameters.*": _PARAMETER,
    "storage.csi.snapshot_parameters.*=": _VALUE,
    "storage.nfs.server": Form(_HOST, "is no server; write its name or address", word=False),
    "storage.nfs.path": _PATH,
    "applications.*": _NAMESPACE,
    "applications.*.hosts[]": Form(LABEL, "is no name under the domain; write shop for shop.<domain>"),
    "applications.*.quota.requests_cpu": _QUANTITY,
    "applications.*.quota.requests_memory": _QUANTITY,
    "applications.*.quota.limits_memory": _QUANTITY,
    "applications.*.quota.storage": _QUANTITY,
    "teams.*": Form(LABEL, "is no value of a label; write lower-case letters, digits and '-', and no number"),
    "teams.*.slack": Form(
        r"#[\w-]{1,80}",
        "is no channel; write '#name' (a webhook's URL is a secret: alerting.slack names it)",
        word=False,
    ),
    "teams.*.email": _EMAIL,
    "alerting.smtp.host": Form(
        _HOST + _PORT, "is no server; write its name and port such as smtp.example.com:587", word=False
    ),
    "alerting.smtp.sender": _EMAIL,
    "alerting.smtp.username": Form(
        r"[A-Za-z0-9]([A-Za-z0-9._@+=/\\-]{0,252}[A-Za-z0-9=])?", "is no user's name", word=False
    ),
    "alerting.runbooks_url": Form(
        _URL + r"(?<=/)", "is no URL ending in '/'; write https://host/path/: the name of a runbook follows"
    ),
    "monitoring.memory": _QUANTITY,
    "oidc.name": Form(r"[^\W_][\w .,&()+/-]{0,60}", "must be a short name such as Example", word=False),
    "oidc.issuer": _WEB,
    "oidc.client_id": Form(r"[A-Za-z0-9][A-Za-z0-9._~:/@+-]{0,253}", "is no client id", word=False),
    "oidc.auth_url": _WEB,
    "oidc.token_url": _WEB,
    "oidc.api_url": _WEB,
    "oidc.scopes[]": Form(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,253}", "is no scope; write one such as openid", word=False),
    "oidc.role_attribute_path": Form(
        rf'(?!.*("""|{{{{))[^{_BREAKS}$%\\]{{0,4096}}[^{_BREAKS}$%\\"]',
        "must be one line without $, %, {{ and backslash, not ending in a quote: grafana.ini holds it",
        word=False,
    ),
    "remote_write[].url": _WEB,
    "remote_write[].tenant": Form(r"[A-Za-z0-9._-]{1,150}", "is no tenant; write its id", word=False),
    "remote_write[].sigv4_region": Form(_AWS_REGION, "is no region; write one such as eu-central-1"),
    **{f"{section}.{key}": form for section in ("logging.store", "backup") for key, form in _STORE.items()},
    "policies.registries[]": Form(
        rf"{_HOST}({_PORT})?/([a-z0-9._-]+/)*",
        "must end in '/', or it also allows other registries that begin so: registry.example.com/team/",
    ),
    "policies.exempt_namespaces[]": _NAMESPACE,
    "secret_store.vault": _WEB,
    "secret_store.key_vault": Form(
        r"https://[A-Za-z0-9-]{3,24}\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net)/?",
        "is no Key Vault; write its URL, https://NAME.vault.azure.net",
    ),
    "secret_store.vault_role": Form(r"[A-Za-z0-9._-]{1,128}", "is no role; write its name", word=False),
    "secret_store.vault_path": Form(
        r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", "is no path; write where the engine is mounted such as secret", word=False
    ),
    "mesh.zipkin": Form(_HOST + _PORT, "is no address; write host:port"),
}

_REFERENCE: Mapping[str, Form] = {
    "secret": Form(_SECRET_NAME.pattern, "is no name of a Secret; the value itself belongs into it, not here"),
    "key": Form(
        r"(?!\.\.|\.\Z)[A-Za-z0-9._-]{1,253}",
        "is no key of a Secret; the value itself belongs into it, not here",
    ),
}
#: What may look like a secret and is none: a long path without dashes, and certificates.
_LIKE_SECRETS = ("gcp.encryption_key", "logging.store.ca", "backup.ca")
CLUSTER = Form(
    r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
    "is no value of a label; write letters, digits, '-', '_' and '.'",
    word=False,
)
TEAM_LABEL = Form(
    rf"({DOMAIN}/)?[A-Za-z]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?", "is no name of a label; write one such as team"
)


def malformed(platform: PlatformConfig) -> Iterator[tuple[str, str]]:
    """Each text of *platform* that is not of its form, or a secret: its key, and what to write there."""
    for path, kind, text in texts(platform):
        form = form_of(kind)
        if form and not form.fits(text):
            yield path, form.what
        elif kind not in _LIKE_SECRETS and redact(text) != text:
            yield path, "holds a secret; it belongs into a Secret of the cluster, and is never written here"


def form_of(kind: str) -> Form | None:
    """The form of texts at the key *kind*, where "*" and "[]" stand for names and numbers; None where any will do."""
    parent, _, last = kind.rpartition(".")
    return FORMS.get(kind) or (_REFERENCE.get(last) if parent not in FORMS else None)


def texts(settings: Any, path: str = "", kind: str = "") -> Iterator[tuple[str, str, str]]:
    """Each text in *settings*: its key, that with "*" and "[]" for what the site named or counted, and the text."""
    if isinstance(settings, str):
        yield path, kind, settings
    elif isinstance(settings, msgspec.Struct):
        for name in settings.__struct_fields__:
            yield from texts(getattr(settings, name), f"{path}.{name}".lstrip("."), f"{kind}.{name}".lstrip("."))
    elif isinstance(settings, dict):
        for key, value in settings.items():
            yield f"{path}.{key}", f"{kind}.*", key
            yield from texts(value, f"{path}.{key}", f"{kind}.*=" if isinstance(value, str) else f"{kind}.*")
    elif isinstance(settings, (tuple, list)):
        for index, value in enumerate(settings):
            yield from texts(value, f"{path}[{index}]", f"{kind}[]")


def shown(path: str) -> str:
    """*path* for a message: cut where a name in it may be anything."""
    start = re.match(r"[\w.\[\]/-]{0,120}", redact(path))
    return path if start and start[0] == path else f"{start[0] if start else ''}…"
