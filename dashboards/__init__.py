"""Grafana dashboards as Python, written out as JSON for provisioning."""
