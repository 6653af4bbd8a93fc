"""Installs a stack on a cluster: what would change, the changes, the proof that it works."""
