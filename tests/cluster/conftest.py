"""The cluster, and KServe targets on it, for tests of this folder."""

from __future__ import annotations

from tests.cluster.canary_stage import canaries, revisions, servers
from tests.cluster.fixtures import cluster, namespace
from tests.cluster.kserve_stage import node, releases, sources, stage

__all__ = ["canaries", "cluster", "namespace", "node", "releases", "revisions", "servers", "sources", "stage"]
