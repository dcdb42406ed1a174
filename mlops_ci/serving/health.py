"""`python -m mlops_ci.serving.health`: whether the server that is this container's first process is ready.

Containers have no shell and no curl; this is their health check. It asks on the port that the server was told.
"""

from __future__ import annotations

import http.client
import sys
from itertools import pairwise
from pathlib import Path

FIRST = Path("/proc/1/cmdline")
PORT = 8080
SECONDS = 4.0


def port_of(command: bytes) -> int:
    """The number after the last `--port` of a command line as the kernel keeps it; 8080 where there is none."""
    words = command.decode("utf-8", "replace").split("\0")
    given = [value for word, value in pairwise(words) if word == "--port" and value.isdigit()]
    return int(given[-1]) if given else PORT


def ready(port: int) -> bool:
    """Whether it answers that it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if ready(port_of(FIRST.read_bytes())) else 1)
