"""`mlops-ci suggest-suite`."""

from __future__ import annotations

import os
from json import dumps
from pathlib import Path

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.console import detect
from mlops_ci.cli.options import output_options
from mlops_ci.errors import UsageError
from mlops_ci.io import files


@click.command("suggest-suite")
@click.argument("data")
@click.option("--table", default="", help="The table, where DATA is a database's URL.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write here, not to stdout.")
@click.option("--force", is_flag=True, help="Overwrite the output file.")
@output_options
def command(data: str, table: str, output: Path | None, force: bool, json: bool, quiet: bool) -> int:
    """Write a first expectation suite from data.

    DATA is a CSV or Parquet file, a glob, or a SQLAlchemy URL. Every expectation carries a note on why it is there;
    read it before you keep it.
    """
    console = detect(os.environ, quiet=quiet, json=json)
    if output is not None and output.exists() and not force:
        raise UsageError(f"{output} exists", hint="--force overwrites it")
    name = (output or Path(table or data.rpartition("/")[2])).stem or "suite"
    suite = wiring.suggest(data, table=table, name=name)
    text = as_text(suite)
    if output is None:
        click.echo(console.data(text), nl=False)
    else:
        files.write_text(output, text)
        click.echo(f"{output}: {len(suite['expectations'])} expectations", err=True)
    return 0


def as_text(suite: dict[str, object]) -> str:
    """One expectation a line, so that a diff shows which one changed."""
    expectations = suite["expectations"]
    assert isinstance(expectations, list)
    lines = ",\n".join(f"    {dumps(item, ensure_ascii=False)}" for item in expectations)
    head = f'{{\n  "name": {dumps(suite["name"])},\n  "expectations": [\n{lines}\n  ],\n'
    return head + f'  "meta": {dumps(suite["meta"], ensure_ascii=False)}\n}}\n'
