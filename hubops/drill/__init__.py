"""Drills: what was backed up is restored into scratch places, compared with what lives, and measured."""
