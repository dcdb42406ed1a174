"""What the model server keeps to, for whoever packs it, starts it or asks it.

The server stands alone in the user's environment, as the keeper does in its own process, so that both have these
themselves; a test holds them together.
"""

from __future__ import annotations

PORT = 8080  # in an image
WINDOWS = "/srv/windows"  # where an image's server logs requests
DRAIN_SECONDS = 30.0  # to finish what it has begun, where nothing else is set
DIGEST_HEADER = "x-mlops-model-digest"  # in every answer
