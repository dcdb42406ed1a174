"""`mlops-ci completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print the shell completion script.

    For bash: mlops-ci completion bash > ~/.local/share/bash-completion/completions/mlops-ci
    """
    from mlops_ci.cli.main import root

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(root, {}, "mlops-ci", "_MLOPS_CI_COMPLETE").source())
    return 0
