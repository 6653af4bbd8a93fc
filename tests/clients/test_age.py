"""age as a client: for whom it encrypts, who can decrypt, and what is said where neither can be."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import subprocess
from pathlib import Path

import pyrage
import pytest

from hubops.clients import age
from hubops.clients.digest import Reader, Sha256, SnapshotSha256, Writer
from hubops.config.backup import BackupConfig
from hubops.errors import ConfigError, Permanent

TEXT = os.urandom(300_000)


@pytest.fixture
def identity() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


def identity_file(folder: Path, identity: object) -> str:
    path = folder / "identity"
    path.write_text(f"# created: now\n\n{identity}\n")
    return str(path)


def sealed(*recipients: str) -> bytes:
    target = io.BytesIO()
    to = age.recipients(BackupConfig(recipients=recipients))
    age.encrypt(Reader(io.BytesIO(TEXT), Sha256()), Writer(target, Sha256()), to)
    return target.getvalue()


def opened(content: bytes, *files: str) -> bytes:
    target = io.BytesIO()
    age.decrypt(Reader(io.BytesIO(content), Sha256()), Writer(target, Sha256()), age.identities(files))
    return target.getvalue()


def test_each_recipient_alone_can_decrypt(tmp_path: Path) -> None:
    both = [pyrage.x25519.Identity.generate() for _ in range(2)]
    content = sealed(*(str(each.to_public()) for each in both))
    assert TEXT not in content
    for each in both:
        assert opened(content, identity_file(tmp_path, each)) == TEXT


def test_an_ssh_key_is_a_recipient_too(tmp_path: Path) -> None:
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")]
    subprocess.run(keygen, check=True)
    content = sealed((tmp_path / "key.pub").read_text().strip())
    assert opened(content, str(tmp_path / "key")) == TEXT


def test_recipients_of_a_file_and_of_the_settings_are_one_list(
    tmp_path: Path, identity: pyrage.x25519.Identity
) -> None:
    key = str(identity.to_public())
    other = str(pyrage.x25519.Identity.generate().to_public())
    (tmp_path / "recipients").write_text(f"# the vault's\n{other}\n\n{key}\n")
    config = BackupConfig(recipients=(key,), recipients_file=str(tmp_path / "recipients"))
    assert [each.text for each in age.recipients(config)] == [key, other]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (BackupConfig(), "backup.recipients is empty"),
        (BackupConfig(recipients=("age1x",)), "'age1x' is no age public key"),
        (BackupConfig(recipients=("ssh-ed25519 AAAA",)), "is no age public key"),
        (BackupConfig(recipients_file="/nowhere"), "backup.recipients_file: /nowhere: No such file"),
        (BackupConfig(recipients_file="/bin/true"), "it is no text"),
    ],
)
def test_recipients_that_cannot_be_used_are_named(config: BackupConfig, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        age.recipients(config)


def test_a_secret_key_is_not_shown(tmp_path: Path, identity: pyrage.x25519.Identity) -> None:
    with pytest.raises(ConfigError, match="that is a secret key") as caught:
        age.recipients(BackupConfig(recipients=(str(identity),)))
    assert str(identity) not in str(caught.value)
    [loaded] = age.identities([identity_file(tmp_path, identity)])
    assert str(identity) not in repr(loaded)


@pytest.mark.parametrize("text", ["", "AGE-SECRET-KEY-1X", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"])
def test_identities_that_cannot_be_used_are_named_but_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"drill\.identity_files: ") as caught:
        age.identities([identity_file(tmp_path, text)] if not text.startswith("-----") else [_raw(tmp_path, text)])
    assert "SECRET" not in str(caught.value)


def _raw(folder: Path, text: str) -> str:
    (folder / "identity").write_text(text)
    return str(folder / "identity")


@pytest.mark.parametrize("damage", ["flipped", "truncated", "cut in its header", "something else", "empty"])
def test_what_is_damaged_cannot_be_decrypted(tmp_path: Path, identity: pyrage.x25519.Identity, damage: str) -> None:
    content = sealed(str(identity.to_public()))
    damaged = {
        "flipped": content[:150_000] + bytes([content[150_000] ^ 1]) + content[150_001:],
        "truncated": content[:-1],
        "cut in its header": content[:50],
        "something else": TEXT,
        "empty": b"",
    }[damage]
    with pytest.raises(Permanent, match="it is damaged") as caught:
        opened(damaged, identity_file(tmp_path, identity))
    assert not isinstance(caught.value, age.NotForUs)


def test_another_identity_is_told_from_damage(tmp_path: Path, identity: pyrage.x25519.Identity) -> None:
    other = identity_file(tmp_path, pyrage.x25519.Identity.generate())
    with pytest.raises(age.NotForUs, match="none of the identities is one of its recipients"):
        opened(sealed(str(identity.to_public())), other)


class _Full(io.BytesIO):
    def write(self, data: object, /) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _Interrupted(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise KeyboardInterrupt


def test_what_a_file_raises_is_raised_as_it_was(identity: pyrage.x25519.Identity) -> None:
    to = age.recipients(BackupConfig(recipients=(str(identity.to_public()),)))
    with pytest.raises(OSError, match="No space left"):
        age.encrypt(Reader(io.BytesIO(TEXT), Sha256()), Writer(_Full(), Sha256()), to)
    with pytest.raises(KeyboardInterrupt):
        age.encrypt(Reader(_Interrupted(), Sha256()), Writer(io.BytesIO(), Sha256()), to)


def test_the_digest_of_a_snapshot_does_not_depend_on_its_pieces() -> None:
    data = os.urandom(4096)
    whole = data + hashlib.sha256(data).digest()
    for step in (1, 7, 31, 33, 4000, 5000):
        digest = SnapshotSha256()
        for begin in range(0, len(whole), step):
            digest.update(whole[begin : begin + step])
        assert (digest.problem, digest.size) == (None, len(whole))
        assert digest.sha256 == hashlib.sha256(whole).hexdigest()
    for damaged in (whole[:-1], whole[:-32], b"", whole[:100], bytes([whole[0] ^ 1]) + whole[1:]):
        digest = SnapshotSha256()
        digest.update(damaged)
        assert digest.problem
