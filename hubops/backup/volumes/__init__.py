"""Snapshots of claims: taken, listed, pruned; and the plan of a restore."""
