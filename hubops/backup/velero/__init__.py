"""Backups by Velero: asked for, waited for, and judged against what the cluster has."""
