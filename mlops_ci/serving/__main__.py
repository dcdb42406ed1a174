"""`python -m mlops_ci.serving`: check the model's files, load it, serve it; with `--check` the first of it alone."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import BackendError, MlopsError, StaleError, UsageError
from mlops_ci.serving.formats import refuse_formats
from mlops_ci.serving.settings import Settings, parsed, read_settings
from mlops_ci.serving.starter import Starter, handed_over, ready_file

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


# A request's few rows are no work for many cores: on a busy machine they only wait for each other.
NATIVE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def variables(settings: Settings, given: Mapping[str, str]) -> dict[str, str]:
    """The environment variables to set before any library is imported; `given` are those that are there."""
    found = {**QUIET, **{name: str(settings.native_threads) for name in NATIVE if name not in given}}
    if settings.formats is not None and not {"pickle", "skops"} & set(settings.formats):
        found["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"  # MLflow counts skops among the pickles
    return found


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m mlops_ci.serving", allow_abbrev=False)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="MLflow model directory")
    parser.add_argument("--name", required=True, help="the model's name in paths and metrics")
    parser.add_argument("--digest", required=True, metavar="SHA256", help="the model digest that DIR must have")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default)")
    parser.add_argument(
        "--standby-fd", type=int, metavar="N", help="inherited listening socket, served once SIGUSR1 came"
    )
    parser.add_argument(
        "--sockets", type=Path, metavar="PATH", help="Unix socket where the listening sockets are handed over instead"
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings as JSON")
    parser.add_argument("--settings-json", metavar="JSON", help="the settings themselves, in place of those of a file")
    parser.add_argument("--check", action="store_true", help="end after the checks; kserve and mlflow are not needed")
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help='gets {"port", "pid", "took_over"} when ready')
    return parser.parse_args(words)


def check(options: argparse.Namespace) -> Settings:
    """The settings. Raises MlopsError where the files are not those that were judged, or not in an allowed format."""
    if not all(part.isalnum() or part in "._-" for part in options.name) or not options.name:
        raise UsageError("a model's name may have letters, digits, '.', '_' and '-' only")
    given = options.settings_json
    settings = parsed(given, where="--settings-json") if given else read_settings(options.settings)
    found = digest_directory(options.model)
    if found != options.digest:
        raise StaleError(f"{options.model} has the digest {found}, and {options.digest} was asked for")
    refuse_formats(options.model, settings.formats, settings.skops_trusted)
    return settings


def serve(options: argparse.Namespace) -> None:
    """Everything heavy, after the checks."""
    handed = handed_over(options.sockets) if options.sockets else None
    settings = check(options)
    os.environ.update(variables(settings, os.environ))
    sys.argv[1:] = []  # kserve parses the command line of whoever imports it
    import_libraries()
    from mlops_ci.serving.model import MlflowModel
    from mlops_ci.serving.server import Server, Start

    starter = handed or bound(options)
    model = MlflowModel(options.name, options.model)
    model.load()
    Server(Start(digest=options.digest, settings=settings, starter=starter)).start([model])


def import_libraries() -> None:
    """What a start takes its time for. With `-B` Python writes nothing beside our files and the model's, which stay as
    they were brought; what it compiles of the libraries it may keep for the next start all the same."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    gc.disable()  # half a million objects come, and all stay: to look through them as they come is a fifth of the start
    import kserve.model_server  # noqa: F401
    import mlflow.pyfunc  # noqa: F401

    gc.freeze()
    gc.enable()
    sys.dont_write_bytecode = before


def bound(options: argparse.Namespace) -> Starter:
    """A socket at the address asked for. Raises BackendError where that is taken, or not this machine's."""
    from mlops_ci.serving.connections import bind

    try:
        listener = bind(options.host, options.port)
    except OSError as error:
        raise BackendError(f"could not listen on {options.host}:{options.port}: {error.strerror}") from error
    return Starter(listener=listener, standby=options.standby_fd, tell=partial(ready_file, options.ready_file))


def main() -> int:
    """The exit code: 0 after a stop without loss."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    options = arguments(sys.argv[1:])
    try:
        check(options) if options.check else serve(options)
    except MlopsError as error:
        sys.stderr.write(f"error: {error}\n" + (f"  {error.hint}\n" if error.hint else ""))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
