"""The clients' real servers serve the collectors too."""

from tests.clients.conftest import alertmanager_url, prometheus_url

__all__ = ["alertmanager_url", "prometheus_url"]
