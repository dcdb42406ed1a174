"""`mlops-ci schema`."""

from __future__ import annotations

from importlib import resources

import click


@click.command("schema")
def command() -> int:
    """Print the JSON Schema of mlops.yaml.

    Editors read it from a first line like `# yaml-language-server: $schema=mlops.schema.json`.
    """
    click.echo(resources.files("mlops_ci.config").joinpath("schema.json").read_text("utf-8"), nl=False)
    return 0
