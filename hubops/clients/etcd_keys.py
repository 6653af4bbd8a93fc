"""All keys of an etcd with their values, in pages: hundreds of thousands of them are never in memory together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import msgspec

from hubops.clients.ahead import Ahead
from hubops.clients.etcd import Compacted, Etcdctl
from hubops.clients.kube.page import PageSize
from hubops.clients.retry import Deadline, retrying
from hubops.errors import Permanent
from hubops.model.etcd_keys import Entry

#: Keys at a time, as many as hubops lists of objects; PageSize asks for fewer where they turn out to be large.
_MOST = 1000
_TIMEOUT = 60.0  # seconds for one page


@dataclass(frozen=True)
class Endpoint:
    """One member of an etcd."""

    etcdctl: Etcdctl
    url: str


class Header(msgspec.Struct, frozen=True):
    """What etcd says of itself beside each answer."""

    cluster_id: int = 0
    revision: int = 0


class _Range(msgspec.Struct, frozen=True):
    header: Header
    kvs: tuple[Entry, ...] = ()
    more: bool = False


def newest(etcd: Endpoint, deadline: Deadline) -> Header:
    """The cluster and its newest revision, agreed upon by its members. Raises Retryable and Permanent."""
    return _asked(etcd, deadline, b"", "--limit", "1", "--keys-only", "--consistency", "l").header


class AllKeys:
    """Every key at *revision*, in the order of the keys; the next page is read while one is looked at. `revision` is
    that of what came last.

    Where etcd compacts that revision away meanwhile, what is left is read at its newest one. It is asked without the
    other members' agreement, so that a backup of reads burdens one of them alone. Raises Retryable and Permanent.
    """

    def __init__(self, etcd: Endpoint, revision: int, deadline: Deadline) -> None:
        self.revision = revision
        self._etcd = etcd
        self._deadline = deadline
        self._size = PageSize(_MOST)

    def __iter__(self) -> Iterator[Entry]:
        last: Entry | None = None
        revision, page = self._page(b"", self.revision)
        while page.kvs:
            self.revision = revision
            following = Ahead(partial(self._page, page.kvs[-1].key, revision)) if page.more else None
            for entry in page.kvs:
                if last is None or entry.key != last.key:
                    yield entry
            last = page.kvs[-1]
            if following is None:
                return
            revision, page = following.result()

    def _page(self, start: bytes, revision: int) -> tuple[int, _Range]:
        """The keys from *start* on, which is among them (what would follow it is no argument of a program), and the
        revision that they are of.
        """
        try:
            return revision, self._read(start, revision)
        except Compacted:
            revision = newest(self._etcd, self._deadline).revision
            return revision, self._read(start, revision)

    def _read(self, start: bytes, revision: int) -> _Range:
        limit, at = str(self._size.limit + 1), str(revision)
        page = _asked(self._etcd, self._deadline, start, "--limit", limit, "--rev", at, "--consistency", "s")
        self._size.learn(len(page.kvs), sum(len(entry.value) + len(entry.key) for entry in page.kvs) or 1)
        return page


def _asked(etcd: Endpoint, deadline: Deadline, start: bytes, *flags: str) -> _Range:
    """What is there from the key *start* on."""

    def ask(timeout: float) -> str:
        return etcd.etcdctl.get(etcd.url, os.fsdecode(start), "--from-key", *flags, timeout=timeout)

    try:
        return msgspec.json.decode(retrying(ask, timeout=_TIMEOUT, deadline=deadline), type=_Range)
    except msgspec.DecodeError as error:
        raise Permanent(f"etcdctl answered something else than it is documented to: {error}") from error
    except ValueError as error:
        raise Permanent(f"etcd has a key that etcdctl cannot be asked for: {error}") from error
