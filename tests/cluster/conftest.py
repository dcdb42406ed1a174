"""The cluster, and a KServe target on it, for tests of this folder."""

from __future__ import annotations

from tests.cluster.fixtures import cluster, namespace
from tests.cluster.kserve_stage import node, releases, sources, stage

__all__ = ["cluster", "namespace", "node", "releases", "sources", "stage"]
