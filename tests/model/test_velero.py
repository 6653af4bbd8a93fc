"""What Velero says is inert and without credentials from where it enters; times and numbers are typed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec

from hubops.model.velero import Backup, Location, Restore, Results, Schedule, label_value

HOSTILE = " \x1b[2Jerror\u202e putting object: password=hunter2hunter2\nrpc error "
INERT = "\\x1b[2Jerror\\u202e putting object: password=[redacted] rpc error"


def test_every_message_is_inert_where_it_enters() -> None:
    status = {"phase": "\x1b[1mFailed", "failureReason": HOSTILE, "validationErrors": [HOSTILE]}
    said = {"status": status}
    for found in (msgspec.convert(said, Backup).status, msgspec.convert(said, Restore).status):
        assert (found.phase, found.failure_reason, found.validation_errors) == ("\\x1b[1mFailed", INERT, (INERT,))
    assert msgspec.convert({"status": {"message": HOSTILE}}, Location).status.message == INERT
    assert msgspec.convert({"status": {"validationErrors": [HOSTILE]}}, Schedule).status.validation_errors == (INERT,)
    results = msgspec.convert({"errors": {"velero": [HOSTILE], "namespaces": {"shop": [HOSTILE]}}}, Results)
    assert results.errors.all == (INERT, f"shop: {INERT}")


def test_a_message_that_names_its_namespace_is_not_told_twice() -> None:
    results = msgspec.convert(
        {"warnings": {"namespaces": {"shop": ["no shop/cart", "gone"]}, "cluster": ["x"]}}, Results
    )
    assert results.warnings.all == ("x", "no shop/cart", "shop: gone")
    assert results.errors.all == ()


def test_a_long_message_is_cut() -> None:
    found = msgspec.convert({"status": {"failureReason": "word " * 10**5}}, Backup)
    assert len(found.status.failure_reason) == 1000


def test_the_schedules_template_is_read_as_a_backups_spec() -> None:
    template = {
        "includedNamespaces": ["shop"],
        "ttl": "72h0m0s",
        "hooks": {},
        "labelSelector": {"matchLabels": {"a": "b"}},
    }
    schedule = msgspec.convert({"spec": {"schedule": "@daily", "template": template}}, Schedule)
    assert schedule.backup.included_namespaces == ("shop",)
    assert schedule.backup.label_selector is not None
    assert schedule.spec.template == template, "unchanged, to make a Backup of"


def test_a_backup_is_typed() -> None:
    found = msgspec.convert(
        {
            "metadata": {"name": "b", "labels": {"velero.io/schedule-name": "s"}},
            "status": {"expiration": "2026-12-23T23:48:19Z", "progress": {"itemsBackedUp": 2, "totalItems": 3}},
        },
        Backup,
    )
    assert found.status.expiration == datetime(2026, 12, 23, 23, 48, 19, tzinfo=UTC)
    assert found.status.progress is not None
    assert (found.schedule, found.status.progress.done, found.ended) == ("s", 2, False)


def test_a_long_name_is_labelled_as_velero_cuts_it() -> None:
    name = "n" * 64
    assert label_value("n" * 63) == "n" * 63
    assert label_value(name) == "n" * 57 + hashlib.sha256(name.encode()).hexdigest()[:6]
