"""Brings components to what is planned of them, one after what it needs, and removes them again."""
