"""How a forge knows a commit for one of ours that nobody changed since: by what its message says of itself.

The account that wrote it is no proof (a token may be a person's), so the message names the parent and the tree.
Whoever amends, rebases or adds to the commit makes one that does not fit its message, or has none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_STAMP = re.compile(
    r"\n\nMlops-Ci-Fingerprint: (?P<fingerprint>[0-9a-f]{8,64})\n"
    r"Mlops-Ci-Base: (?P<base>[0-9a-f]{40,64})\nMlops-Ci-Tree: (?P<tree>[0-9a-f]{40,64})\s*\Z"
)


def stamped(message: str, *, fingerprint: str, base: str, tree: str) -> str:
    """A commit message with its stamp; `base` is the commit's one parent."""
    text = message.strip() or "Update"
    return f"{text}\n\nMlops-Ci-Fingerprint: {fingerprint}\nMlops-Ci-Base: {base}\nMlops-Ci-Tree: {tree}\n"


def fingerprint_of(message: str, *, parents: Sequence[str], tree: str) -> str:
    """The fingerprint of a commit that a push of ours made and nobody changed, '' for any other."""
    found = _STAMP.search(message)
    ours = found is not None and list(parents) == [found["base"]] and tree == found["tree"]
    return found["fingerprint"] if found is not None and ours else ""
