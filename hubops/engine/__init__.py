"""Decides what is wrong: Snapshot in, findings out; no I/O and no clock."""
