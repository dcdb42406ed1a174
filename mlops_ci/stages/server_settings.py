"""How a model's server is set up: one answer for the check of a pull request, the image, and every target."""

from __future__ import annotations

from typing import Any

from mlops_ci.config.types import Model


def server_settings(model: Model) -> dict[str, Any]:
    """What `serving:` says, as the server reads it. Whoever starts one adds the folder of its request log."""
    settings = {key: value for key, value in model.serving.items() if value != []}  # an empty list asks for nothing
    if "log" in settings:
        settings["log"] = {**settings["log"], "redact": list(model.redact)}
    return settings


def judged_settings(model: Model) -> dict[str, Any]:
    """Those that a judgement depends on: which files may be served, and all of them where a server is measured."""
    settings = server_settings(model)
    limits = model.evaluate.serving if model.evaluate is not None else None
    if limits is not None and limits.measured:
        return settings
    checked = ("formats", "skops_trusted") if model.evaluate is not None and "formats" in settings else ()
    return {key: value for key, value in settings.items() if key in checked}
