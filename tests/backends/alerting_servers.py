"""Pushgateway, Alertmanager, webhook and a Prometheus with files of its own, all real, on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.backends.prometheus_server import Prometheus, running
from tests.cluster.processes import free_ports

PROGRAMS = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-pushgateway": "prometheus-pushgateway",
    "webhook": "webhook",
}


def program(name: str) -> str:
    """Its path; skips where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package '{PROGRAMS[name]}')")
    return found


class Ports:
    """Where the servers listen."""

    def __init__(self) -> None:
        self.prometheus, self.alertmanager, self.pushgateway, self.webhook = free_ports(4)

    def rewrite(self, text: str) -> str:
        """A file of the monitoring folder with these ports in place of the usual ones."""
        usual = {"9093": self.alertmanager, "9091": self.pushgateway, "9095": self.webhook}
        for port, own in usual.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{own}")
        return text


@contextmanager
def watching(folder: Path, ports: Ports, variables: Mapping[str, str]) -> Iterator[Prometheus]:
    """All four, with the files in `folder`; `variables` are what the webhook's command sees."""
    logs = folder.parent
    address = "--web.listen-address=127.0.0.1:"
    prometheus = [program("prometheus"), f"--config.file={folder}/prometheus.yml", f"{address}{ports.prometheus}"]
    alertmanager = [program("prometheus-alertmanager"), f"--config.file={folder}/alertmanager.yml"]
    alertmanager += [f"{address}{ports.alertmanager}", "--cluster.listen-address=", f"--storage.path={logs}/alerts"]
    pushgateway = [program("prometheus-pushgateway"), f"{address}{ports.pushgateway}"]
    hook = [program("webhook"), "-hooks", "hooks.json", "-ip", "127.0.0.1", "-port", str(ports.webhook), "-verbose"]
    base = "http://127.0.0.1:"
    with ExitStack() as stack:
        for name, words, ready in (
            ("pushgateway", pushgateway, f"{ports.pushgateway}/-/ready"),
            ("webhook", hook, f"{ports.webhook}/"),
            ("alertmanager", alertmanager, f"{ports.alertmanager}/-/ready"),
            ("prometheus", [*prometheus, f"--storage.tsdb.path={logs}/data"], f"{ports.prometheus}/-/ready"),
        ):
            log = logs / f"{name}.log"
            stack.enter_context(running(words, ready=f"{base}{ready}", log=log, folder=folder, variables=variables))
        yield Prometheus(f"{base}{ports.prometheus}", folder)
