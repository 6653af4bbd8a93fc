"""Values of Secrets, replaced by keyed digests as soon as they are read: equal ones stay equal, and none can be read.

The key is random and lives as long as the drill, so that a digest tells nothing to whom it might reach.
"""

from __future__ import annotations

import binascii
import hmac
import secrets
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from hubops.drill.velero.objects import Object

SECRETS = "secrets"
#: Which ServiceAccount a token is for; every other annotation may hold a copy of the values (kubectl's last-applied).
TOKEN_OF = "kubernetes.io/service-account.name"


class Concealer:
    """Both sides of a comparison are read with the same one."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def concealed(self, resource: str, item: Object) -> Object:
        """*item*; a Secret without its values, which no longer hang on anything that was given back."""
        if resource != SECRETS and item.get("kind") != "Secret":
            return item
        kept = {name: value for name, value in item.items() if name not in ("data", "stringData")}
        metadata = item.get("metadata")
        if isinstance(metadata, Mapping):
            kept["metadata"] = self._metadata(metadata)
        for name in ("data", "stringData"):
            if name in item:
                kept[name] = self._values(item[name])
        return kept

    def _metadata(self, metadata: Mapping[str, Any]) -> Object:
        kept = {name: value for name, value in metadata.items() if name != "managedFields"}
        if annotations := kept.get("annotations"):
            kept["annotations"] = self._values(annotations, but=TOKEN_OF)
        return kept

    def _values(self, values: Any, *, but: str = "") -> Any:
        if not isinstance(values, Mapping):
            return self._digest(values)
        return {name: value if name == but else self._digest(value) for name, value in values.items()}

    def _digest(self, value: Any) -> str:
        text = str(value).encode(errors="surrogatepass")
        with suppress(binascii.Error, ValueError):  # an annotation: as it stands
            text = b64decode(text, validate=True)
        return hmac.digest(self._key, text, "sha256").hex()
