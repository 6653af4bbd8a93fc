"""What the `kind:` of a CEL check names: "Pod", or "certificates.cert-manager.io/v1" for anything else."""

from __future__ import annotations

import re

from hubops.model.kube.kinds import BY_NAME

_RESOURCE = re.compile(r"^[a-z][a-z0-9]*\.[a-z0-9.-]+\.[a-z]+(?:/v[0-9][a-z0-9]*)?$")


def evidence_of(kind: str) -> str | None:
    """The name under which the snapshot holds the objects of *kind*; None for a kind that cannot be read.

    Core kinds outside the table cannot be named this way, Secrets among them: hubops reads none.
    """
    if found := BY_NAME.get(kind):
        return f"raw:{found.plural}" + (f".{found.group}" if found.group else "")
    return kind.partition("/")[0] if _RESOURCE.match(kind) else None


def version_of(kind: str) -> str | None:
    """The apiVersion that a check of *kind* is written for, None where it does not say."""
    resource, _, version = kind.partition("/")
    return f"{resource.partition('.')[2]}/{version}" if version else None
