"""Watching models from outside: what Prometheus, Alertmanager and Grafana are told, and what an alert may start."""
