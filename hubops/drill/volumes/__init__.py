"""A claim, restored from its newest snapshot into a scratch namespace and read."""
