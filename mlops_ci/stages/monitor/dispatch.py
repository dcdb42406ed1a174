"""From Alertmanager's webhook to an event that starts a workflow.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config has the document. Labels come from outside:
they are cut, and go on as data only.
"""

from __future__ import annotations

import json
from typing import Any

from mlops_ci.errors import UsageError
from mlops_ci.records.alerts import Alert

LARGEST = 1024 * 1024  # bytes; Alertmanager's max_alerts cuts what it sends
MOST, LONGEST = 20, 100  # alerts, and characters of a label: GitHub takes 64 KB
VERSION = "4"
DOCS = "monitoring.md#start-the-drift-workflow-early"


def read(payload: bytes) -> tuple[Alert, ...]:
    """The alerts of a webhook that fire, each once, and at most MOST. Raises UsageError for another document."""
    if len(payload) > LARGEST:
        raise UsageError(f"the payload has more than {LARGEST} bytes", hint="set max_alerts of the webhook", docs=DOCS)
    try:
        document = json.loads(payload)
        if document["version"] != VERSION:
            raise UsageError(f"the payload's version is {str(document['version'])[:20]!r}, not '{VERSION}'", docs=DOCS)
        found = [_alert(item["labels"]) for item in document["alerts"] if item["status"] == "firing"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(
            "the payload is not what Alertmanager's webhook sends",
            hint="it is a JSON object with 'version' and 'alerts', each with 'status' and 'labels'",
            docs=DOCS,
        ) from None
    return tuple(dict.fromkeys(found))[:MOST]


def _alert(labels: dict[str, Any]) -> Alert:
    def label(name: str) -> str:
        return str(labels.get(name, ""))[:LONGEST]

    return Alert(name=label("alertname"), model=label("model"), environment=label("environment"))
