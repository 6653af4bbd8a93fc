"""Backups: taken, verified, sent off-site, kept and pruned; each run recorded in the journal."""
