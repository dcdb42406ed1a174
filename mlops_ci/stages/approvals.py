"""Who approved what was brought, noted with the version: so it can be told from the registry when the forge is gone.

A version has one note for each time that it was brought to an environment, under the commit that brought it: an empty
list says that nobody approved, no note that nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from mlops_ci.ports.forge import Forge
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.models import Version

NOTE = "approved."  # before environment and commit, the name of a version's tag


def note_approvals(version: Version, environment: str, commit: str, *, forge: Forge, registry: Registry) -> None:
    """Write down who had approved, as it was merged, the pull request that brought the version with `commit`.

    What no pull request brought gets no note; one that is there stays. Raises BackendError.
    """
    name = f"{NOTE}{environment}.{commit}"
    if name in version.tags or (pull := forge.brought(commit)) is None:
        return
    given = [item for item in forge.approvals(pull.number) if item.commit == pull.head]
    before = [item.author for item in given if not pull.closed_at or item.at <= pull.closed_at]
    registry.annotate(version, {name: json.dumps(list(dict.fromkeys(before)))})


def approved(tags: Mapping[str, str], environment: str, commit: str = "") -> tuple[str, ...] | None:
    """Who is noted to have approved it; None where nothing is. Without a commit it has to have come once alone."""
    start = f"{NOTE}{environment}.{commit}"
    found = [text for name, text in tags.items() if name.startswith(start)]
    try:
        people = json.loads(found[0]) if len(found) == 1 else None
    except ValueError:
        return None
    return tuple(map(str, people)) if isinstance(people, list) else None
