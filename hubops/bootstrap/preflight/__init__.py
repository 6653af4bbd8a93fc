"""Whether a cluster can take the platform: what it has, what is allowed, and what it brings already."""
