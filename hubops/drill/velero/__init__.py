"""Drills of Velero's backups: restored beside what lives, compared with what was backed up, and tried."""
