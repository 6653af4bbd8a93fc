"""Encryption for age recipients: whoever can make a backup cannot read one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyrage

from hubops.clients.digest import Reader, Writer
from hubops.config.backup import BackupConfig
from hubops.errors import ConfigError, Permanent


class NotForUs(Permanent):
    """What is encrypted may be whole, but none of the identities can tell."""


@dataclass(frozen=True)
class Recipient:
    """Somebody who can decrypt; `text` is the public key as age writes it."""

    text: str
    key: pyrage.x25519.Recipient | pyrage.ssh.Recipient


@dataclass(frozen=True)
class Identity:
    """Who can decrypt what was encrypted for its public key. It is never shown."""

    key: pyrage.x25519.Identity | pyrage.ssh.Identity

    def __repr__(self) -> str:
        return "Identity(…)"


def recipients(config: BackupConfig) -> tuple[Recipient, ...]:
    """The recipients of backups; none where `backup.encryption` is `none`. Raises ConfigError where there are none."""
    given = [("backup.recipients", line) for line in config.recipients]
    if config.recipients_file:
        origin = f"backup.recipients_file: {config.recipients_file}"
        given += [(origin, line) for line in _lines(Path(config.recipients_file), "backup.recipients_file")]
    found = {each.text: each for each in (_recipient(line, origin) for origin, line in given)}
    if config.encryption == "none":
        if found:
            raise ConfigError("backup.encryption is none, but there are recipients; remove the one or the others")
        return ()
    if not found:
        raise ConfigError(
            "backup.recipients is empty: name the age public keys that may decrypt (age-keygen makes one), "
            "or set backup.encryption to none"
        )
    return tuple(found.values())


def identities(files: Iterable[str]) -> tuple[Identity, ...]:
    """The identities in *files*, as age-keygen writes them, or OpenSSH's private keys. Raises ConfigError."""
    return tuple(identity for file in files for identity in _identities(Path(file)))


def encrypt(source: Reader, target: Writer, to: Sequence[Recipient]) -> None:
    """Encrypt all of *source* into *target*, in pieces. What these raise is raised as it was."""
    try:
        pyrage.encrypt_io(source, target, [each.key for each in to])
    except (pyrage.EncryptError, OSError) as error:
        raise source.error or target.error or Permanent(f"it could not be encrypted: {error}") from error


def decrypt(source: Reader, target: Writer, identities: Sequence[Identity]) -> None:
    """Decrypt all of *source* into *target*, in pieces; what was written of a damaged file is part of the original.

    Raises NotForUs where none of *identities* is a recipient, and Permanent where the file is damaged.
    """
    try:
        pyrage.decrypt_io(source, target, [each.key for each in identities])
    except (pyrage.DecryptError, OSError) as error:
        if known := source.error or target.error:
            raise known from error
        if "No matching keys" in str(error):
            raise NotForUs("it was encrypted for others: none of the identities is one of its recipients") from error
        raise Permanent(f"it is damaged: it cannot be decrypted ({error})") from error


def _recipient(line: str, origin: str) -> Recipient:
    try:
        if line.startswith("ssh-"):
            return Recipient(line, pyrage.ssh.Recipient.from_str(line))
        return Recipient(line, pyrage.x25519.Recipient.from_str(line))
    except pyrage.RecipientError as error:
        if line.upper().startswith("AGE-SECRET-KEY-"):
            raise ConfigError(f"{origin}: that is a secret key; a recipient is its public key, age1…") from error
        raise ConfigError(f"{origin}: {line!r} is no age public key: {error}") from error


def _identities(path: Path) -> list[Identity]:
    lines = list(_lines(path, "drill.identity_files"))
    try:
        if lines and lines[0].startswith("-----BEGIN "):
            return [Identity(pyrage.ssh.Identity.from_buffer(path.read_bytes()))]
        found = [Identity(pyrage.x25519.Identity.from_str(line)) for line in lines]
    except pyrage.IdentityError as error:
        raise ConfigError(f"drill.identity_files: {path} holds something that is no age identity") from error
    if not found:
        raise ConfigError(f"drill.identity_files: {path} is empty")
    return found


def _lines(path: Path, key: str) -> Iterable[str]:
    """The lines of *path* that are no comments."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"{key}: {path}: {reason}") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
