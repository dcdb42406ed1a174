"""Install what a command of this checkout needs, apart from everything of the user's, and print the environment.

Standard library alone: it runs before anything of ours is there, and without what the user's Python would load (-S).
Packages come from the lock, each checked against its hash, from the index that pip is set to, or, with
MLOPS_CI_WHEELHOUSE, from that folder and nowhere else.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WAYS = "mlops_ci.pth"  # the file in a checkout's environment that says where all else is
# What each command needs beside the base; one that is named in neither needs the base alone, too.
BASE = ("affected", "check", "forge", "schema", "serve", "completion")
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "validate": ("validate",),
    "train": ("train",),
    "evaluate": ("train", "evaluate", "registry", "validate"),
    "pull-request": ("validate", "train", "evaluate", "registry", "report", "github"),
    "report": ("report", "github"),
    "publish": ("report", "github"),
    "register": ("registry",),
    "build": ("registry", "deploy"),
    "deploy": ("registry", "train", "deploy", "github"),
    "promote": ("registry", "deploy", "github"),
    "rollback": ("registry", "deploy", "github"),
    "merge": ("train", "evaluate", "registry", "validate", "deploy", "report", "github"),
    "plan": ("train", "evaluate", "registry", "validate", "deploy", "report", "github"),
    "status": ("registry", "deploy", "github"),
    "audit": ("registry",),
    "canary": ("registry", "deploy", "github"),
    "drift": ("drift", "registry", "github"),
    "retrain": ("drift", "validate", "train", "evaluate", "registry", "report", "github"),
    "monitor": ("github",),
    "score": ("registry", "score"),
    "suggest-suite": ("validate",),
    "init": ("validate",),
    "doctor": ("train", "registry", "deploy", "github"),
}


class Failed(Exception):
    """One line for a person."""


def home_of(environ: Mapping[str, str]) -> Path:
    """Where environments are kept: MLOPS_CI_HOME, the runner's tool cache, or the user's cache."""
    if chosen := environ.get("MLOPS_CI_HOME"):
        return Path(chosen).absolute()
    cache = environ.get("RUNNER_TOOL_CACHE") or environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache).absolute() / "mlops-ci" / "tool"


def stages_of(text: str) -> list[str]:
    """The commands named in one text. Raises Failed for one that is none: a typing error would set up too little."""
    names = text.replace(",", " ").split()
    known = {*EXTRAS, *BASE}
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        what = f"there is no stage '{wrong[0]}'" if wrong else "no stage is named"
        raise Failed(f"{what}; 'stages' takes {', '.join(sorted(known))}")
    return names


def describe(home: Path, extras: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Where the packages are, whether they are there, and the key by which a cache knows them: '' where none is to be
    asked, since they are there or come from a wheelhouse."""
    place = home / digest()
    have = installed(place)
    ready = have is not None and set(extras) <= set(have)
    asked = not ready and not environ.get("MLOPS_CI_WHEELHOUSE")
    named = hashlib.sha256(" ".join(extras).encode()).hexdigest()[:8]
    key = f"mlops-ci-{place.name}-{named}" if asked else ""
    return {"path": str(place), "key": key, "ready": "true" if ready else "false"}


def extras_of(commands: Sequence[str]) -> list[str]:
    """The extras of all these commands, sorted."""
    return sorted({extra for command in commands for extra in EXTRAS.get(command, ())})


def digest() -> str:
    """What the packages' environment is named by: the lock, and the Python that runs this."""
    described = (ROOT / "uv.lock").read_bytes() + f"{sys.version} {sysconfig.get_platform()} {sys.base_prefix}".encode()
    return hashlib.sha256(described).hexdigest()[:16]


def ensure(home: Path, extras: Sequence[str], environ: Mapping[str, str]) -> Path:
    """This checkout's environment with at least these extras; at once where they are there."""
    place = home / digest()
    have = installed(place)
    if have is None or not set(extras) <= set(have):
        home.mkdir(parents=True, exist_ok=True)
        with alone(home / f"{place.name}.lock"):
            have = installed(place)
            if have is None or not set(extras) <= set(have):
                install(place, sorted({*extras, *(have or ())}), environ)
    return seat(place)


def installed(place: Path) -> list[str] | None:
    """The extras that are there; None where the environment is not, or was not finished."""
    try:
        found: list[str] = json.loads((place / "extras.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Two steps at once install once."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install(place: Path, extras: Sequence[str], environ: Mapping[str, str]) -> None:
    """Make the environment where it is not, and bring the packages, each checked against the hash in the lock.

    The lock is read while the environment is made, and this checkout's seat is made while packages come.
    """
    note(f"setting up mlops-ci with {', '.join(extras) or 'the base'} (once)")
    uv = find_uv(place.parent, environ)
    (place / "extras.json").unlink(missing_ok=True)
    beside, wanted = place.with_name(f"{place.name}.txt"), place / "requirements.txt"
    with running(export(uv, extras, beside), environ):
        if not (place / "bin" / "python").exists():
            run([uv, "venv", "--quiet", "--no-project", "--clear", "--python", sys.executable, place], environ)
    beside.replace(wanted)
    into = ["--python", place / "bin" / "python", "--require-hashes", "-r", wanted]
    with running([uv, "pip", "install", "--quiet", *into, *wheelhouse(environ)], environ):
        seat(place)
    beside = place / "extras.json.new"
    beside.write_text(json.dumps(list(extras)))
    beside.replace(place / "extras.json")


def export(uv: str, extras: Sequence[str], into: Path) -> list[str | Path]:
    """The command that writes the locked packages of these extras, with their hashes, to a file."""
    chosen = [word for extra in extras for word in ("--extra", extra)]
    what = ["--frozen", "--no-dev", "--no-emit-project", "--format", "requirements-txt", *chosen]
    return [uv, "export", "--quiet", "--project", ROOT, *what, "--output-file", into]


def wheelhouse(environ: Mapping[str, str]) -> list[str]:
    """The options that take packages from the wheelhouse alone, where one is given."""
    folder = environ.get("MLOPS_CI_WHEELHOUSE", "")
    if not folder:
        return []
    if not Path(folder).is_dir():
        raise Failed(f"MLOPS_CI_WHEELHOUSE is {folder}, and there is no such folder")
    return ["--no-index", "--find-links", str(Path(folder).absolute())]


def find_uv(home: Path, environ: Mapping[str, str]) -> str:
    """The uv on PATH, else the one that is brought here, checked against its hash."""
    if found := shutil.which("uv"):
        return found
    own = home / "uv"
    if not (own / "bin" / "uv").exists():
        run([sys.executable, "-m", "venv", "--clear", own], environ)
        pip = [own / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "-r", ROOT / "actions" / "setup" / "uv.txt", *wheelhouse(environ)], environ)
    return str(own / "bin" / "uv")


def run(argv: Sequence[str | Path], environ: Mapping[str, str]) -> None:
    """Run a command in an environment that nothing of the user's leaks into."""
    with running(argv, environ):
        pass


@contextlib.contextmanager
def running(argv: Sequence[str | Path], environ: Mapping[str, str]) -> Iterator[None]:
    """The same beside a block; at its end the command has ended, and one that failed is raised."""
    env = {key: value for key, value in environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    words = [str(word) for word in argv]
    child = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        out, err = child.communicate()
    if child.returncode:
        lines = [line for line in (err + out).splitlines() if line.strip()]
        raise Failed("\n  ".join([f"could not set up mlops-ci: {Path(words[0]).name} failed", *lines[-15:]]))


def seat(place: Path) -> Path:
    """This very checkout's own seat at the packages: action and package are always the same commit.

    The packages are shared by all checkouts of one lock, and jobs side by side can have several. So each checkout has
    an environment with nothing in it but the way to the packages and the way to the checkout.
    """
    own = place.with_name(f"{place.name}-{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:16]}")
    ways = f"import site; site.addsitedir({str(packages(place))!r})\n{ROOT}\n"
    if _read(packages(own) / WAYS) != ways or not (own / "bin" / "python").exists():
        with alone(place.with_name(f"{own.name}.lock")):
            if _read(packages(own) / WAYS) != ways or not (own / "bin" / "python").exists():
                make_seat(own, place, ways)
    return own


def make_seat(own: Path, place: Path, ways: str) -> None:
    """An environment without pip. What finds it half made makes it anew: the ways are written last."""
    import venv  # late: it is needed once a checkout

    venv.EnvBuilder(clear=True, symlinks=True, with_pip=False).create(own)
    (own / "bin" / "uv").symlink_to(place / "bin" / "uv")  # before another one that is beside the base Python
    sweep(place)
    beside = packages(own) / f"{WAYS}.new"
    beside.write_text(ways)
    beside.replace(packages(own) / WAYS)


def sweep(place: Path) -> None:
    """Remove the seats of checkouts that are gone: some runners have a new folder for every job."""
    for own in place.parent.glob(f"{place.name}-*/"):
        ways = _read(packages(own) / WAYS).splitlines()
        if len(ways) == 2 and not Path(ways[1]).exists():
            shutil.rmtree(own, ignore_errors=True)
            own.with_name(f"{own.name}.lock").unlink(missing_ok=True)


def packages(environment: Path) -> Path:
    """Where an environment has its packages."""
    return environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def note(text: str) -> None:
    """A line for a person."""
    print(text, file=sys.stderr, flush=True)


def tell(found: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Write a step's outputs; no value has a line break in it."""
    with open(environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in found.items())


def main() -> int:
    """Print the environment's folder for the command in the argument, or for those of `--stages TEXT`.

    `--describe TEXT` tells the workflow where it would be and its key, and sets up nothing.
    """
    option, *texts = [*sys.argv[1:], ""]
    try:
        if option == "--describe":
            extras = extras_of(stages_of(texts[0]))
            tell(describe(home_of(os.environ), extras, os.environ), os.environ)
        else:
            words = stages_of(texts[0]) if option == "--stages" else [option]
            print(ensure(home_of(os.environ), extras_of(words), os.environ))
    except Failed as error:
        note(f"error: {error}")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
