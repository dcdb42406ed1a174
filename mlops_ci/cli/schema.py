"""`mlops-ci schema`."""

from __future__ import annotations

from importlib import resources

import click


@click.command("schema")
@click.option("--release", is_flag=True, help="That of releases/<model>/<environment>.yaml instead.")
def command(release: bool) -> int:
    """Print the JSON Schema of mlops.yaml.

    Editors read it from a first line like `# yaml-language-server: $schema=mlops.schema.json`.
    """
    name = "release.schema.json" if release else "schema.json"
    click.echo(resources.files("mlops_ci.config").joinpath(name).read_text("utf-8"), nl=False)
    return 0
