"""The platform that hubops installs: deploy/stack.yaml, a site's settings, and what the two give."""
