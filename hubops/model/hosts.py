"""What this machine saw of a host of the platform: its name, its certificate, its answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec


class ServedCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of the certificate that a server showed; the key and the rest of it are not kept."""

    subject: str = ""  # the common name, which newer certificates leave empty
    issuer: str = ""
    names: tuple[str, ...] = ()  # subject alternative names: DNS names and addresses
    not_before: datetime
    not_after: datetime


class Host(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One HTTPS host, looked at as a client would: resolve, connect, verify, ask for /.

    `failed` names the first of these that did not work and `reason` says how; None where an answer came. `unknown` says
    why this machine cannot tell: then nothing is to be concluded from the rest.
    """

    name: str
    addresses: tuple[str, ...] = ()  # as the system's resolver gave them, A and AAAA
    canonical: str = ""  # the name that it is an alias of, where the resolver says so
    proxied: bool = False  # by the proxy of the environment, which resolves the name itself
    failed: Literal["resolve", "connect", "verify", "answer"] | None = None
    reason: str = ""
    certificate: ServedCertificate | None = None
    status: int | None = None  # of HTTP; redirects are not followed
    unknown: str | None = None
