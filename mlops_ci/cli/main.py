"""The root command, and the one place where errors become exit codes.

Commands are imported when they are called, so that `--help` costs no more than click itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from mlops_ci.cli.root_action import refusal
from mlops_ci.cli.surroundings import settle
from mlops_ci.errors import MlopsError, did_you_mean
from mlops_ci.github.context import in_actions

# name → (module below mlops_ci.cli, one line of help). The line here and the command's own first line agree (test).
COMMANDS: dict[str, tuple[str, str]] = {
    "pull-request": ("pull_request", "Judge what this branch changes: validate, train, evaluate, report."),
    "init": ("init", "Set a repository up: mlops.yaml, a first suite, workflows."),
    "doctor": ("doctor", "Say what is set up wrong, and what to do about it."),
    "check": ("check", "Check mlops.yaml and every file it names."),
    "affected": ("affected", "Say which models this branch changes, and why."),
    "validate": ("validate", "Check data against its expectation suites."),
    "train": ("train", "Train the model, or prove that it was trained before."),
    "evaluate": ("evaluate", "Compare the candidate with the champion and apply the gates."),
    "register": ("register", "Give a judged candidate its registry version."),
    "build": ("build", "Pack a registered version into its image."),
    "deploy": ("deploy", "Serve in one environment what this commit wants there."),
    "merge": ("merge", "Ship what was reviewed: register, build, serve, promote."),
    "plan": ("plan", "Say what 'merge' would do, and do nothing."),
    "status": ("status", "Show git, registry and what serves, side by side."),
    "audit": ("audit", "Say what served on a date, from what, and who approved it."),
    "promote": ("promote", "Propose what serves in one environment for the next."),
    "rollback": ("rollback", "Bring an earlier release back, as a pull request."),
    "canary": ("canary", "Look after releases that have a share of the traffic."),
    "drift": ("drift", "Watch production: compare its newest windows with the champion's training data."),
    "retrain": ("retrain", "Answer drift with a pull request: newer data, a challenger, and the verdict on it."),
    "monitor": ("monitor", "Watch what is served: files for Prometheus, Alertmanager and Grafana."),
    "score": ("score", "Score many rows with a release: files, S3 or a database, into Parquet."),
    "serve": ("serve", "Look after what is served on this machine (environments with `target: local` or `docker`)."),
    "report": ("report", "Render reports from stored results."),
    "publish": ("publish", "Show on a fork's pull request what its own run found out."),
    "forge": ("forge", "Work with the pull requests kept in this repository."),
    "suggest-suite": ("suggest_suite", "Write a first expectation suite from data."),
    "schema": ("schema", "Print the JSON Schema of mlops.yaml."),
    "completion": ("completion", "Print the shell completion script."),
}
SHARED = ("config", "model", "base", "all", "debug", "quiet", "json")
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"mlops_ci.cli.{COMMANDS[cmd_name][0]}").command
        assert isinstance(command, click.Command)
        name_variables(command, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0]:
            ctx.fail("no command is named; of an action, set 'run' or 'stage'")
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            ctx.fail(f"no command '{args[0]}'; {did_you_mean(args[0], COMMANDS, 'see --help')}")
        name, found, rest = super().resolve_command(ctx, args)
        if name and found and (problem := refusal(name, found, os.environ)):
            ctx.fail(problem)
        return name, found, rest


def name_variables(command: click.Command, name: str) -> None:
    """Give each option its variables: MLOPS_CI_<COMMAND>_<OPTION>, and of those that all share MLOPS_CI_<OPTION>."""
    for option in command.params:
        if isinstance(option, click.Option):
            option.envvar = variables(name, max(option.opts, key=len))
    if isinstance(command, click.Group):
        for word, below in command.commands.items():
            name_variables(below, f"{name} {word}")


def variables(command: str, option: str) -> list[str]:
    """The variables that set an option, the first one first, e.g. `--dry-run` of `merge`: MLOPS_CI_MERGE_DRY_RUN."""
    names = [f"MLOPS_CI_{command}_{option[2:]}", *([f"MLOPS_CI_{option[2:]}"] if option[2:] in SHARED else [])]
    return [name.upper().replace("-", "_").replace(" ", "_") for name in names]


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from mlops_ci.cli.version import version_text

        click.echo(version_text())
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the versions of mlops-ci and of the libraries in use, and exit.",
)
def root() -> None:
    """GitOps for machine learning: a pull request is a judged experiment, a merge ships what was reviewed.

    Run 'mlops-ci pull-request' in a model repository with an mlops.yaml.
    """


def run(argv: Sequence[str]) -> int:
    """Run the command line and return the exit code; nothing but a bug ever shows a traceback."""
    settle(os.environ)
    if not in_actions(os.environ):
        return _run(argv)
    from mlops_ci.cli.log import guarded

    with guarded():
        return _run(argv)


def _run(argv: Sequence[str]) -> int:
    debug = "--debug" in argv or os.environ.get("MLOPS_CI_DEBUG", "").lower() in ("1", "true", "yes", "on")
    try:
        outcome = root.main(args=list(argv), prog_name="mlops-ci", standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except click.ClickException as error:
        error.show()
        # Without any word click shows the whole help as an error.
        short = isinstance(error, click.exceptions.NoArgsIsHelpError)
        _announce("no command is named" if short else error.format_message())
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("\ninterrupted; nothing half-written was left, run the same command again to go on", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MlopsError as error:
        return _report(error, debug=debug)
    except Exception as error:
        from mlops_ci.io import files

        if isinstance(error, OSError) and files.is_full(error):
            return _report(files.disk_error(error), debug=debug)
        return _report_bug(error, debug=debug)


def _report(error: MlopsError, *, debug: bool) -> int:
    from mlops_ci.cli.console import error_text

    if debug:
        import traceback

        traceback.print_exc()
    click.echo(error_text(error), err=True)
    _announce(error)
    return error.exit_code


def _announce(error: MlopsError | str) -> None:
    """Tell the workflow, where there is one, of an error that ended the command."""
    if in_actions(os.environ):
        from mlops_ci.cli.announce import announce_error

        announce_error(MlopsError(error) if isinstance(error, str) else error)


def _report_bug(error: Exception, *, debug: bool) -> int:
    from mlops_ci.cli.version import version_text

    click.echo(f"error: this is a bug in mlops-ci: {type(error).__name__}: {error}", err=True)
    if debug:
        import traceback

        traceback.print_exc()
    else:
        click.echo("  run again with --debug to see where", err=True)
    click.echo(f"  please report it with these versions:\n{version_text()}", err=True)
    _announce(f"this is a bug in mlops-ci: {type(error).__name__}: {error}")
    return 1
